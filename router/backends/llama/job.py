"""One request in a worker thread, and the bytes that it hands over to the event loop."""

from __future__ import annotations

import asyncio
import threading

from router.backends.contract import BackendError
from router.backends.llama.context import Context, Stopped
from router.telemetry.work import Work

__all__ = ["Job"]


class Job:
    """The worker puts bytes in, the loop takes them out; either side may end it.

    The loop is woken once for all that has come since it last looked. What waits is bounded by the answer itself:
    a model's context holds some thousand tokens, and a reader who is slow must not hold up the model for others.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._lock = threading.Lock()
        self._pieces: list[bytes] = []
        self._error: BackendError | None = None
        self._ended = False
        self._waking = False
        self._waiter: asyncio.Future[None] | None = None
        self._context: Context | None = None
        self.cancelled = False
        self.work: Work | None = None
        """Worker: what was computed, as soon as something was."""

    def attach(self, context: Context) -> None:
        """Worker: computing begins. Raises Stopped when nobody wants it any more."""
        with self._lock:
            context.begin()
            if self.cancelled:
                raise Stopped
            self._context = context

    def detach(self) -> None:
        """Worker: the context is another's now, and out of reach for a late `cancel`."""
        with self._lock:
            self._context = None

    def put(self, piece: bytes) -> None:
        """Worker: more of the answer."""
        with self._lock:
            self._pieces.append(piece)
        self._wake()

    def end(self, last: bytes, error: BackendError | None) -> None:
        """Worker: the answer is whole with its `last` bytes, or broke off with `error`."""
        with self._lock:
            if last:
                self._pieces.append(last)
            self._ended, self._error = True, error
        self._wake()

    def cancel(self) -> None:
        """Any thread: nobody wants the answer. The worker ends within a token, or a node of the graph of a prompt."""
        with self._lock:
            self.cancelled = True
            if self._context is not None:
                self._context.cancel()

    async def take(self) -> bytes | None:
        """Loop: all that has come, as soon as there is something; None at the end. Raises BackendError."""
        while True:
            with self._lock:
                if self._pieces:
                    pieces, self._pieces = self._pieces, []
                    return b"".join(pieces)
                if self._ended:
                    if self._error is not None:
                        raise self._error
                    return None
                self._waiter = waiter = self._loop.create_future()
            await waiter

    def _wake(self) -> None:
        with self._lock:
            if self._waking:
                return
            self._waking = True
        try:
            self._loop.call_soon_threadsafe(self._woken)
        except RuntimeError:  # the loop is closed: nobody is left to read
            self.cancel()

    def _woken(self) -> None:
        with self._lock:
            self._waking = False
            waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
