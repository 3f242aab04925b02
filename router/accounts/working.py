"""A machine's working time, shared out among the requests that it works on at once: its electricity is paid once."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

__all__ = ["Working"]


class Working:
    """While n requests are worked on, each is charged an nth of the time; together, what has passed."""

    __slots__ = ("_clock", "_count", "_each", "_seen")

    def __init__(self, clock: Callable[[], float] = perf_counter):
        """`clock`: seconds."""
        self._clock = clock
        self._count = 0
        self._each = 0.0
        """Seconds charged so far to a request that has been there from the beginning."""
        self._seen = 0.0

    def begin(self) -> float:
        """One request more. Returns what `end` wants back."""
        self._pass()
        self._count += 1
        return self._each

    def end(self, begun: float) -> float:
        """That request has ended: its seconds."""
        self._pass()
        self._count -= 1
        return self._each - begun

    def _pass(self) -> None:
        now = self._clock()
        if self._count:
            self._each += (now - self._seen) / self._count
        self._seen = now
