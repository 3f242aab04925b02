"""What one process counts by itself: all there is without Redis, and what stands in for it while it is gone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from router.limits.rates import Limit
from router.limits.window import Window

__all__ = ["LocalCounts", "Standing", "Ticket"]

MOST_WINDOWS = 20_000
"""The one unused for longest goes first."""
NEXT_TRY = 1.0
"""Seconds after which to try again for a place among those at once: nobody knows when one ends."""


@dataclass(slots=True)
class Ticket:
    """One request that was let in, or was on its way in: what it holds until it has ended."""

    id: str
    limits: tuple[Limit, ...]
    amounts: tuple[int, ...]
    """What it was counted as, by limit: 1, or its prompt's tokens."""
    at: float = 0.0
    """When this process counted it, seconds on the monotonic clock; 0: it did not."""
    shared_at: int | None = None
    """When Redis counted it, milliseconds of its clock; None: it did not, or nobody knows."""
    asked_redis: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit after a request was judged by it. Times are seconds."""

    limit: Limit
    used: float
    """This request included, if it was let in."""
    wait: float
    """Until it fits; 0: it does."""
    reset: float
    """Until nothing is counted any more."""


class LocalCounts:
    """Windows and places of one process."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._busy: dict[str, int] = {}

    def take(self, ticket: Ticket, now: float) -> list[Standing]:
        """Count the request in all its limits, or, where it does not fit into one, in none."""
        waits = [self._wait(limit, amount, now) for limit, amount in zip(ticket.limits, ticket.amounts, strict=True)]
        if not any(waits):
            self.count(ticket, now)
        return [self._standing(limit, wait, now) for limit, wait in zip(ticket.limits, waits, strict=True)]

    def count(self, ticket: Ticket, now: float) -> None:
        """Count it whatever the limits: another has let it in."""
        ticket.at = now
        for limit, amount in zip(ticket.limits, ticket.amounts, strict=True):
            if limit.seconds:
                self._window(limit).add(now, amount)
            else:
                self._busy[limit.name] = self._busy.get(limit.name, 0) + 1

    def give_back(self, ticket: Ticket, tokens: int, now: float) -> None:
        """It has ended, and used so many tokens. Harmless for one that was not counted, and once more."""
        if not ticket.at:
            return
        then, ticket.at = ticket.at, 0.0
        for limit, amount in zip(ticket.limits, ticket.amounts, strict=True):
            if limit.kind == "tokens":
                window = self._window(limit)
                window.used(now)
                if tokens > amount:
                    window.add(now, tokens - amount)
                else:
                    window.take_back(then, amount - tokens)
            elif limit.kind == "parallel":
                left = self._busy.get(limit.name, 1) - 1
                if left > 0:
                    self._busy[limit.name] = left
                else:
                    self._busy.pop(limit.name, None)

    def _wait(self, limit: Limit, amount: int, now: float) -> float:
        if limit.seconds:
            return self._window(limit).wait(now, amount, limit.most)
        return NEXT_TRY if self._busy.get(limit.name, 0) >= limit.most else 0.0

    def _standing(self, limit: Limit, wait: float, now: float) -> Standing:
        if limit.seconds:
            window = self._window(limit)
            return Standing(limit, window.used(now), wait, window.reset(now))
        return Standing(limit, self._busy.get(limit.name, 0), wait, 0.0)

    def _window(self, limit: Limit) -> Window:
        window = self._windows.get(limit.name)
        if window is None:
            window = self._windows[limit.name] = Window(limit.seconds)
            if len(self._windows) > MOST_WINDOWS:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(limit.name)
        return window
