"""A sliding window over counts: how much came in the last so many seconds, to a sixtieth of them.

The window is a row of 61 counters, each of a sixtieth of its length (the "sliding window counter" of many gateways,
with more than its usual two counters). It never lets more through than it may in any stretch of that length, where two
counters only guess, and a token bucket (GCRA) lets through up to twice as much; what it costs is that a place comes
back up to a sixtieth late. `shared.py` does the same in Redis.
"""

from __future__ import annotations

from collections import deque

__all__ = ["PARTS", "Window"]

PARTS = 60


class Window:
    """Times are seconds on whatever clock the caller has, never backwards."""

    __slots__ = ("_counts", "_part", "_sum")

    def __init__(self, seconds: float):
        self._part = seconds / PARTS
        self._counts: deque[list[float]] = deque()
        """(number of the part, amount), the oldest first."""
        self._sum = 0.0

    def used(self, now: float) -> float:
        """What came within the window that ends now."""
        counts, oldest = self._counts, now // self._part - PARTS
        while counts and counts[0][0] < oldest:
            self._sum -= counts.popleft()[1]
        if not counts:
            self._sum = 0.0
        return self._sum

    def add(self, now: float, amount: float) -> None:
        """It came now."""
        number = now // self._part
        if self._counts and self._counts[-1][0] >= number:
            self._counts[-1][1] += amount
        else:
            self._counts.append([number, amount])
        self._sum += amount

    def take_back(self, then: float, amount: float) -> None:
        """So much of what came at that time did not come after all."""
        number = then // self._part
        for count in self._counts:
            if count[0] == number:
                back = min(amount, count[1])
                count[1] -= back
                self._sum -= back

    def wait(self, now: float, amount: float, most: float) -> float:
        """Seconds until `amount` more is within `most`; 0 when it is now. What is never within waits for all."""
        over = self.used(now) + amount - most
        if over <= 0:
            return 0.0
        for number, count in self._counts:
            over -= count
            if over <= 0:
                return self._leaves(number) - now
        return self.reset(now)

    def reset(self, now: float) -> float:
        """Seconds until nothing is in it."""
        self.used(now)
        return self._leaves(self._counts[-1][0]) - now if self._counts else 0.0

    def _leaves(self, number: float) -> float:
        """When a part is wholly out of the window."""
        return (number + PARTS + 1) * self._part
