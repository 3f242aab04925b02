"""Flow control that notices a client's leave while nothing is read from it.

Reading pauses while a request waits behind another on the same connection, and while a backend takes an upload more
slowly than it comes. The event loop then does not look at the socket, and a client that leaves would be worked for
until the answer is written.
"""

from __future__ import annotations

import asyncio
import select

from uvicorn.protocols.http.flow_control import FlowControl

__all__ = ["Pauses"]

LOOK = 0.05
"""Seconds between two looks at a paused connection."""
_GONE = getattr(select, "POLLRDHUP", 0)
"""Only Linux tells it while there are bytes to read."""


class Pauses(FlowControl):
    """uvicorn's, with a look at the socket now and then during each pause of reading."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop):
        super().__init__(transport)
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def pause_reading(self) -> None:
        super().pause_reading()
        if self._timer is None and _GONE:
            self._timer = self._loop.call_later(LOOK, self._look)

    def resume_reading(self) -> None:
        super().resume_reading()
        self.stop()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        peer = self._transport.get_extra_info("socket")
        if self._transport.is_closing() or peer is None or peer.fileno() < 0:
            return
        watch = select.poll()
        watch.register(peer.fileno(), _GONE)
        if watch.poll(0):
            self._transport.abort()
        else:
            self._timer = self._loop.call_later(LOOK, self._look)
