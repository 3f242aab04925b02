"""A bounded queue before a backend: so many requests at once, so many waiting, so long."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter

from router.backends.contract import BackendError
from router.telemetry.load import Clock, Load, smoothed

__all__ = ["Slots"]

SOONEST, LATEST = 1.0, 600.0
"""Seconds: bounds of what a refused client is told to wait."""


class Slots(Load):
    """First come, first served. `parallel=None` lets all through and only counts.

    Whoever takes a slot gives one back; which of them it was does not matter. So the first taken counts as the first
    given back: the mean of the times they were held is the same, whatever the order.
    """

    def __init__(self, parallel: int | None, queue: int, patience: float, clock: Clock = perf_counter):
        super().__init__(parallel, queue, clock)
        self.patience = patience
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._since: deque[float] = deque()
        """When each slot was taken."""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def eldest(self) -> float:
        return self.clock() - self._since[0] if self._since else 0.0

    async def take(self) -> float:
        """A slot, after so many seconds. Raises BackendError("full") when the queue is full or the wait too long."""
        if self.parallel is None or (self.busy < self.parallel and not self._waiting):
            self.busy += 1
            self._since.append(self.clock())
            return 0.0
        if len(self._waiting) >= self.queue:
            raise self._full(f"{self.busy} at work and {len(self._waiting)} waiting")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        began = self.clock()
        try:
            # Not `wait_for`: in Python 3.11 it swallows a cancellation that comes in the moment of one's turn.
            async with asyncio.timeout(self.patience):
                await turn
        except TimeoutError:
            self._leave(turn)
            raise self._full(f"no turn within {self.patience:g} s") from None
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        return self.clock() - began

    def resize(self, parallel: int | None) -> None:
        """From now on so many at once. More wake those that wait; fewer come about as slots are given back."""
        self.parallel = parallel
        while self._waiting and (parallel is None or self.busy < parallel):
            self.busy += 1
            self._pass_on()

    def give_back(self) -> None:
        """The slot is free again: the next in the queue has it."""
        self.service = smoothed(self.service, self.clock() - self._since.popleft())
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting and (self.parallel is None or self.busy <= self.parallel):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # the slot goes over; `busy` stays
                self._since.append(self.clock())
                return
        self.busy -= 1

    def _leave(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self._since.pop()  # nobody has worked in it
            self._pass_on()  # its turn came in the very moment it left
        elif turn in self._waiting:
            self._waiting.remove(turn)

    def _full(self, message: str) -> BackendError:
        wait = min(max(self.until_turn, SOONEST), LATEST)
        return BackendError("full", message, status=503, retry_after=wait)
