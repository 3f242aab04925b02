"""The course of the attempts: who is asked, how often, and who at the same time.

It knows nothing of requests and sockets: `ask` makes one attempt and tells how it failed, or None when its answer is
the client's. So it is tested as a list of what each backend does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from router.attempts.failure import Failure
from router.attempts.retry import NOT_AGAIN, Budget, pause
from router.config.facts import Facts

__all__ = ["Ask", "Claim", "Course"]

Claim = Callable[[], bool]
"""Asked when an answer has come so far that it counts: False where another was quicker."""
Ask = Callable[[str, Claim, bool], Coroutine[Any, Any, Failure | None]]
"""Of a candidate's name, that, and whether no other is left that was not asked yet."""

SHORT = 1.0
"""Seconds that are waited for a backend while another candidate could be asked."""
LONGEST_WAIT = 60.0
"""Seconds that a backend's `Retry-After` may be waited for, where the request has no nearer deadline."""


def _always() -> bool:
    return True


@dataclass(slots=True)
class Course:
    """Ask the candidates of one request."""

    order: Sequence[str]
    ask: Ask
    facts: Mapping[str, Facts]
    budget: Budget
    retries: int = 0
    """How often the same candidate may be asked again."""
    hedge: float | None = None
    """Seconds after which the next is asked as well."""
    deadline: float | None = None
    """On the loop's clock."""
    repeatable: Callable[[], bool] = _always
    """False once the request can no longer be sent a second time."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _turns: dict[str, int] = field(default_factory=dict)

    async def run(self) -> Failure | None:
        """None when one has answered; else how the last failed."""
        self.budget.came()
        if self.hedge is not None and len(self.order) > 1:
            return await self._race(self.hedge)
        return await self._in_turn()

    async def _in_turn(self) -> Failure | None:
        waiting = deque(self.order)
        later: list[tuple[float, str]] = []
        failure: Failure | None = None
        while waiting or later:
            name = waiting.popleft() if waiting else await self._due(later)
            failure = await self.ask(name, _always, not waiting)
            if failure is None or failure.final or not self.repeatable():
                return failure
            if failure.context:
                waiting, later = self._larger(name, waiting, later)
            elif (wait := self._again(name, failure)) is not None:
                if wait > SHORT and (waiting or later):
                    later.append((_now() + wait, name))
                else:
                    await self.sleep(wait)
                    waiting.appendleft(name)
        return failure

    async def _due(self, later: list[tuple[float, str]]) -> str:
        """The one that may be asked again first, when it may."""
        when, name = later.pop(later.index(min(later)))
        await self.sleep(max(0.0, when - _now()))
        return name

    def _again(self, name: str, failure: Failure) -> float | None:
        """Seconds until this candidate is asked again; None where it is not."""
        turn = self._turns.get(name, 0)
        if turn >= self.retries or failure.reason in NOT_AGAIN:
            return None
        wait = pause(turn, failure.retry_after)
        left = LONGEST_WAIT if self.deadline is None else self.deadline - _now()
        if wait >= left or not self.budget.take():
            return None
        self._turns[name] = turn + 1
        return wait

    def _larger(
        self, name: str, waiting: Sequence[str], later: Sequence[tuple[float, str]]
    ) -> tuple[deque[str], list[tuple[float, str]]]:
        """The candidates that may hold what this one could not; one that tells nothing of its context may."""
        full = self.facts[name].context if name in self.facts else None

        def may(other: str) -> bool:
            context = self.facts[other].context if other in self.facts else None
            return full is None or context is None or context > full

        return deque(filter(may, waiting)), [each for each in later if may(each[1])]

    async def _race(self, delay: float) -> Failure | None:
        """The next starts when the one before has said nothing for `delay`, or has failed; the first content wins.
        One that failed is asked again when all others have failed, too."""
        waiting = deque(self.order)
        later: list[tuple[float, str]] = []
        running: dict[asyncio.Task[Failure | None], tuple[str, int]] = {}
        """With the candidate, and the number of the attempt: one may be asked again."""
        winner: list[int] = []
        numbers = count()
        failure: Failure | None = None

        def start(name: str) -> None:
            mine = next(numbers)

            def claim() -> bool:
                if not winner:
                    winner.append(mine)
                    for task, (_, other) in running.items():
                        if other != mine:
                            task.cancel()
                return winner[0] == mine

            running[asyncio.ensure_future(self.ask(name, claim, not waiting))] = name, mine

        try:
            start(waiting.popleft())
            patient = False
            while running:
                hedging = bool(waiting) and not winner and not patient and self.repeatable()
                done, _ = await asyncio.wait(
                    running, timeout=delay if hedging else None, return_when=asyncio.FIRST_COMPLETED
                )
                if not done and not winner and self.repeatable():
                    patient = not self.budget.take()
                    if not patient:
                        start(waiting.popleft())
                for task in done:
                    name, _ = running.pop(task)
                    if task.cancelled():
                        continue
                    failed = task.result()
                    if failed is None or (failed.final and not winner):
                        return failed
                    if failed.reason != "beaten":
                        failure = failed
                    if failed.context:
                        waiting, later = self._larger(name, waiting, later)
                    elif (wait := None if winner else self._again(name, failed)) is not None:
                        later.append((_now() + wait, name))
                    if waiting and not winner and self.repeatable():
                        start(waiting.popleft())
                if later and not running and not winner and self.repeatable():
                    start(await self._due(later))
            return failure
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.gather(*running, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
