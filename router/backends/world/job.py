"""One answer on its way from the child to the client, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from router.backends.contract import BackendError

__all__ = ["Job"]


class Job:
    """What has come and was not taken yet is held: an answer is bounded by the decoder's context."""

    __slots__ = ("_cancel", "_error", "_pieces", "_waiter", "cancelled_at", "ended", "number")

    def __init__(self, number: int, cancel: Callable[[Job], None]):
        self.number = number
        self.cancelled_at: float | None = None
        """When the child was told that nobody waits any more; the job stays until the child has let go of it."""
        self.ended = False
        self._pieces: list[bytes] = []
        self._error: BackendError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._cancel = cancel

    def cancel(self) -> None:
        """Nobody waits for it any more. Harmless after the end, and more than once."""
        self._cancel(self)

    def put(self, piece: bytes) -> None:
        """More of the answer."""
        self._pieces.append(piece)
        self._wake()

    def end(self, error: BackendError | None = None) -> None:
        """It is whole, or broke off with `error`."""
        self.ended, self._error = True, error
        self._wake()

    async def take(self) -> bytes | None:
        """All that has come, as soon as there is something; None at the end. Raises BackendError."""
        while not self._pieces:
            if self.ended:
                if self._error is not None:
                    raise self._error
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
