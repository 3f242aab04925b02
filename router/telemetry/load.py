"""How busy a backend is, how fast it has been lately, and which conversations it has served: what a choice goes by.

All of it is one process's own: with several workers each sees its share of the work, and a figure of time is as true
for one as for the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from time import perf_counter

from router.telemetry.record import Record
from router.telemetry.warm import Warm

__all__ = ["Fading", "Load", "smoothed"]

NEWS = 0.2
"""What a new value counts against those before it."""
HALF_LIFE = 60.0
"""Seconds after which a time that was not measured anew counts half. A backend that was slow once (it loaded its model)
would else be passed over for ever, as nothing is sent to it that could show it to be fast."""

Clock = Callable[[], float]


def smoothed(before: float | None, value: float) -> float:
    """The exponentially weighted mean with one more value; the first counts whole."""
    return value if before is None else before + NEWS * (value - before)


class Fading:
    """A smoothed time that counts less the older it is."""

    __slots__ = ("_at", "_clock", "_value")

    def __init__(self, clock: Clock):
        self._clock = clock
        self._value: float | None = None
        self._at = 0.0

    def add(self, seconds: float) -> None:
        """One more was measured."""
        self._value = smoothed(self.value, seconds)
        self._at = self._clock()

    @property
    def value(self) -> float | None:
        """Seconds; None when none was measured."""
        if self._value is None:
            return None
        return float(self._value * 0.5 ** ((self._clock() - self._at) / HALF_LIFE))


class Load(ABC):
    """Of one backend that runs."""

    def __init__(self, parallel: int | None, queue: int, clock: Clock = perf_counter):
        self.parallel = parallel
        """Requests that it works on at once; None: not known, and not bounded here."""
        self.queue = queue
        """Most that may wait."""
        self.busy = 0
        """Requests that it works on."""
        self.clock = clock
        self.service: float | None = None
        """Seconds that a request holds its slot, smoothed; None where it is not known."""
        self.first = Fading(clock)
        """Seconds from a request's turn to its first content, of streams."""
        self.whole = Fading(clock)
        """The same of answers that come whole."""
        self.warm = Warm(clock=clock)

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Requests in the queue."""

    @property
    @abstractmethod
    def eldest(self) -> float:
        """Seconds since the slot was taken that is held for longest; 0 where none is."""

    @property
    def in_flight(self) -> int:
        """Requests that it works on and that wait for it."""
        return self.busy + self.waiting

    @property
    def pressure(self) -> float:
        """Requests in flight for each slot; in flight alone where the slots are not known."""
        return self.in_flight / (self.parallel or 1)

    @property
    def taken(self) -> bool:
        """A request would have to wait: each slot is taken."""
        return self.parallel is not None and (self.busy >= self.parallel or self.waiting > 0)

    @property
    def full(self) -> bool:
        """Waiting is not worth it: a whole round of requests waits already, or no place in the queue is left."""
        return self.parallel is not None and self.taken and self.waiting >= min(self.parallel, self.queue)

    @property
    def latency(self) -> float:
        """Seconds to the first content, as far as streams have shown it, else of whole answers; 0: not known."""
        first = self.first.value
        return (self.whole.value or 0.0) if first is None else first

    @property
    def held(self) -> float:
        """Seconds that a request holds its slot: as usual, or, where the slots have been held for longer than that,
        as long as the eldest of them by now. Of a backend that hangs this grows. 0: nothing is known."""
        return max(self.service or 0.0, self.eldest)

    @property
    def until_first(self) -> float:
        """Estimate of the seconds from now to the first content of a request that came now: until its turn, and from
        there to the first content. What is not known counts as 0, so that the figure is "at least so long"."""
        return self.until_turn + (self.first.value or 0.0)

    @property
    def until_turn(self) -> float:
        """Estimate of the seconds from now until a request that came now would have a slot:

            place in the queue x seconds a request holds its slot / slots

        where the place is 0 while a slot is free, else 1 for the next in the queue.
        """
        return (self.waiting + 1) * self.held / (self.parallel or 1) if self.taken else 0.0

    def answered(self, record: Record) -> None:
        """This backend has answered a request: take the time from it."""
        if record.status != 200 or record.cache in ("hit", "joined", "similar"):
            return
        for attempt in reversed(record.attempts):
            if attempt.backend == record.backend and attempt.reason is None and attempt.asked:
                turn = attempt.asked + attempt.queued
                if record.first:
                    self.first.add(record.first - turn)
                elif record.received:
                    self.whole.add(record.received - turn)
                return
