"""A bounded queue before a backend: so many requests at once, so many waiting, so long."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter

from router.backends.contract import BackendError

__all__ = ["Slots"]


class Slots:
    """First come, first served. `parallel=None` lets all through and only counts."""

    def __init__(self, parallel: int | None, queue: int, patience: float):
        self.parallel = parallel
        self.queue = queue
        self.patience = patience
        self.busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    async def take(self) -> float:
        """A slot, after so many seconds. Raises BackendError("full") when the queue is full or the wait too long."""
        if self.parallel is None or (self.busy < self.parallel and not self._waiting):
            self.busy += 1
            return 0.0
        if len(self._waiting) >= self.queue:
            raise BackendError(
                "full", f"{self.busy} at work and {len(self._waiting)} waiting", status=503, retry_after=2
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        began = perf_counter()
        try:
            # Not `wait_for`: in Python 3.11 it swallows a cancellation that comes in the moment of one's turn.
            async with asyncio.timeout(self.patience):
                await turn
        except TimeoutError:
            self._leave(turn)
            raise BackendError("full", f"no turn within {self.patience:g} s", status=503, retry_after=2) from None
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        return perf_counter() - began

    def give_back(self) -> None:
        """The slot is free again: the next in the queue has it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # the slot goes over; `busy` stays
                return
        self.busy -= 1

    def _leave(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self.give_back()  # its turn came in the very moment it left
        elif turn in self._waiting:
            self._waiting.remove(turn)
