"""Limits counted in Redis, together with all who share it: what is asked within one round trip goes in the next."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from router.cache.address import Address
from router.cache.guard import BUDGET, Guarded
from router.limits.local import Standing, Ticket
from router.limits.script import BACK, PREFIX, RENEW, SCRIPT, TAKE

__all__ = ["LEASE", "SharedCounts"]

log = logging.getLogger("signalbox.limits")

LEASE = 10.0
"""Seconds after which the places of a process that has died are free again."""
RENEWED = 3.0
"""Seconds between two renewals."""
STEPS = 10
"""Looks at what is owed, between two renewals."""
AT_ONCE = 32
"""Of what is asked, in one script: it keeps Redis from all else for a millisecond or two."""
MOST_WAITING = 5000
LONGEST = 0.5
"""Seconds that a request waits for its turn while Redis does answer; when it does not, nobody waits."""
STALLED = 0.01
"""Seconds that a timer may be late before it is this process, and not Redis, that took the time."""
PATIENCES = 4


@dataclass(slots=True)
class _Asked:
    """One thing that is asked of Redis."""

    what: int
    ticket: Ticket
    at: float
    more: tuple[tuple[str, int], ...] = ()
    """For BACK: a limit's name, and how many tokens more it was than counted."""
    told: asyncio.Future[list[Standing] | None] | None = None
    """For TAKE: who waits for the answer."""


class SharedCounts(Guarded):
    """`take` and `give_back` as of `LocalCounts`, without an answer when Redis has none in time."""

    whose = "the limits'"
    without = "each process counts alone"

    def __init__(self, address: Address, on_failure: Callable[[str], None] = lambda _: None):
        super().__init__(address, on_failure)
        self._waiting: deque[_Asked] = deque()
        self._flying: asyncio.Task[None] | None = None
        self._places: dict[str, Ticket] = {}
        """Tickets that hold a place among those at once."""
        self._owed: deque[_Asked] = deque(maxlen=MOST_WAITING)
        """Places that could not be given back; Redis would hold them until their leases end."""
        self._renewing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await super().open()
        self._renewing = asyncio.create_task(self._renew())

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        if self._flying is not None:  # what was held is given back now, and not when its leases end
            await asyncio.wait({self._flying}, timeout=1)
        await super().close()

    async def take(self, ticket: Ticket) -> list[Standing] | None:
        """Count the request in all its limits, or in none. None: Redis does not tell, so that this process must."""
        if not self.up or len(self._waiting) >= MOST_WAITING:
            return None
        ticket.asked_redis = True
        loop = asyncio.get_running_loop()
        told: asyncio.Future[list[Standing] | None] = loop.create_future()
        self._ask(_Asked(TAKE, ticket, loop.time(), told=told))
        return await told

    def give_back(self, ticket: Ticket, tokens: int) -> None:
        """It has ended, and used so many tokens."""
        self._places.pop(ticket.id, None)
        if not ticket.asked_redis:
            return
        ticket.asked_redis = False
        more = tuple(
            (limit.name, tokens - amount if limit.kind == "tokens" else 0)
            for limit, amount in zip(ticket.limits, ticket.amounts, strict=True)
            if limit.kind == "parallel" or (limit.kind == "tokens" and tokens != amount)
        )
        if more:
            asked = _Asked(BACK, ticket, 0.0, more)
            if self.up and len(self._waiting) < MOST_WAITING:
                self._ask(asked)
            else:
                self._owe(asked)

    async def run(self, script: str, keys: list[str], arguments: list[str]) -> Any:
        """A script's answer; None when there is none in time. Never on the path of a request."""
        return await self._within(lambda server: server.run(script, keys, arguments), None)

    def _owe(self, asked: _Asked) -> None:
        """Only places: to give them back twice is harmless, and it may have been done just before Redis went."""
        places = tuple((limit.name, 0) for limit in asked.ticket.limits if not limit.seconds)
        if places:
            self._owed.append(_Asked(BACK, asked.ticket, 0.0, places))

    def _ask(self, asked: _Asked) -> None:
        self._waiting.append(asked)
        if self._flying is None or self._flying.done():
            self._flying = asyncio.create_task(self._fly())

    async def _fly(self) -> None:
        while self._waiting:
            batch = self._batch()
            answers = await self._answers(batch) if batch and self.up else None
            for at, asked in enumerate(batch):
                standings = None
                if answers is None and asked.what == BACK:
                    self._owe(asked)
                elif answers is not None and asked.what == TAKE:
                    standings = self._taken(asked, answers[at])
                _tell(asked, standings)

    def _batch(self) -> list[_Asked]:
        """The next, without those who have left, and those who have waited too long."""
        batch: list[_Asked] = []
        now = asyncio.get_running_loop().time()
        while self._waiting and len(batch) < AT_ONCE:
            asked = self._waiting.popleft()
            if asked.told is None or (not asked.told.done() and now - asked.at < LONGEST):
                batch.append(asked)
            else:
                _tell(asked, None)
        return batch

    def _taken(self, asked: _Asked, answer: list[int]) -> list[Standing]:
        ticket, numbers = asked.ticket, iter(answer[1:])
        triples = zip(ticket.limits, numbers, numbers, numbers, strict=True)
        standings = [Standing(limit, used, wait / 1000, reset / 1000) for limit, used, wait, reset in triples]
        if any(each.wait for each in standings):
            ticket.asked_redis = False  # there is nothing to give back
        else:
            ticket.shared_at = answer[0]
            has_place = any(not limit.seconds for limit in ticket.limits)
            if has_place and asked.told is not None and not asked.told.done():
                self._places[ticket.id] = ticket
        return standings

    async def _answers(self, batch: list[_Asked]) -> list[list[int]] | None:
        """None when there are none in time, or none at all: then Redis is not asked until it is well again."""
        server = self._server
        assert server is not None
        keys: dict[str, int] = {}
        wanted = orjson.dumps([_wire(asked, keys) for asked in batch]).decode()
        asking = asyncio.ensure_future(server.run(SCRIPT, [PREFIX + name for name in keys], [wanted]))
        try:
            if not await _in_time(asking):
                asking.cancel()
                raise TimeoutError
            answers: list[list[int]] = asking.result()
        except Exception as error:
            self._failed(error)
            return None
        return answers

    async def _renew(self) -> None:
        """Those who are still here keep their places, and what is owed is given back."""
        for step in count(1):
            await asyncio.sleep(RENEWED / STEPS)
            while self.up and self._owed:
                self._ask(self._owed.popleft())
            if step % STEPS == 0:
                for ticket in list(self._places.values())[:MOST_WAITING]:
                    self._ask(_Asked(RENEW, ticket, 0.0))


async def _in_time(asking: asyncio.Future[Any]) -> bool:
    """Within BUDGET, not counting the time that this process itself was held up."""
    loop = asyncio.get_running_loop()
    for _ in range(PATIENCES):
        until = loop.time() + BUDGET
        done, _pending = await asyncio.wait({asking}, timeout=BUDGET)
        if done:
            return True
        if loop.time() - until < STALLED:
            break
    return asking.done()


def _tell(asked: _Asked, standings: list[Standing] | None) -> None:
    if asked.told is not None and not asked.told.done():
        asked.told.set_result(standings)


def _wire(asked: _Asked, keys: dict[str, int]) -> list[Any]:
    """As the script reads it; names get their numbers in `keys`."""

    def number(name: str) -> int:
        return keys.setdefault(name, len(keys) + 1)

    lease, ticket = round(LEASE * 1000), asked.ticket
    limits = ticket.limits
    if asked.what == TAKE:
        amounts = zip(limits, ticket.amounts, strict=True)
        told = [[number(each.name), each.most, round(each.seconds * 1000), amount] for each, amount in amounts]
        return [TAKE, ticket.id, lease, told]
    if asked.what == RENEW:
        return [RENEW, ticket.id, lease, [number(each.name) for each in limits if not each.seconds]]
    spans = {each.name: round(each.seconds * 1000) for each in limits}
    counted = ticket.shared_at is not None
    back = [[number(name), spans[name], amount] for name, amount in asked.more if counted or not spans[name]]
    return [BACK, ticket.id, ticket.shared_at or 0, back]
