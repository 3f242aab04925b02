"""The course of the attempts: who is asked, how often, and who at the same time.

It knows nothing of requests and sockets: `ask` makes one attempt and tells how it failed, or None when its answer is
the client's. So it is tested as a list of what each backend does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from router.attempts.failure import Failure
from router.attempts.retry import NOT_AGAIN, Budget, pause
from router.config.facts import Facts

__all__ = ["Ask", "Claim", "Course"]

Claim = Callable[[], bool]
"""Asked when an answer has come so far that it counts: False where another was quicker."""
Ask = Callable[[str, Claim], Coroutine[Any, Any, Failure | None]]

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
            if waiting:
                name = waiting.popleft()
            else:
                when, name = later.pop(later.index(min(later)))
                await self.sleep(max(0.0, when - _now()))
            failure = await self.ask(name, _always)
            if failure is None or failure.final or not self.repeatable():
                return failure
            if failure.context:
                waiting, later = deque(self._larger(name, waiting)), []
            elif (wait := self._again(name, failure)) is not None:
                if waiting and wait > SHORT:
                    later.append((_now() + wait, name))
                else:
                    await self.sleep(wait)
                    waiting.appendleft(name)
        return failure

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

    def _larger(self, name: str, waiting: Sequence[str]) -> list[str]:
        """The candidates that may hold what this one could not; one that tells nothing of its context may."""
        full = self.facts[name].context if name in self.facts else None
        if full is None:
            return list(waiting)
        contexts = {each: self.facts[each].context for each in waiting if each in self.facts}
        return [each for each in waiting if (context := contexts.get(each)) is None or context > full]

    async def _race(self, delay: float) -> Failure | None:
        """The next starts when the one before has said nothing for `delay`, or has failed; the first content wins."""
        waiting = deque(self.order)
        running: dict[asyncio.Task[Failure | None], str] = {}
        winner: list[str] = []
        failure: Failure | None = None

        def start() -> None:
            name = waiting.popleft()

            def claim() -> bool:
                if not winner:
                    winner.append(name)
                    for task, other in running.items():
                        if other != name:
                            task.cancel()
                return winner[0] == name

            running[asyncio.ensure_future(self.ask(name, claim))] = name

        try:
            start()
            patient = False
            while running:
                hedging = bool(waiting) and not winner and not patient
                done, _ = await asyncio.wait(
                    running, timeout=delay if hedging else None, return_when=asyncio.FIRST_COMPLETED
                )
                if not done and not winner:
                    patient = not self.budget.take()
                    if not patient:
                        start()
                for task in done:
                    name = running.pop(task)
                    if task.cancelled():
                        continue
                    failed = task.result()
                    if failed is None or failed.final:
                        return failed
                    if failed.reason != "beaten":
                        failure = failed
                    if failed.context:
                        waiting = deque(self._larger(name, waiting))
                    if waiting and not winner and self.repeatable():
                        start()
            return failure
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.gather(*running, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
