"""Comment lines on a stream that is silent, while a model loads, a queue moves or a backend thinks.

Clients and the proxies before them give up a connection on which nothing comes; comments between two events are passed
over by all of them (WHATWG HTML §9.2.7 advises one every fifteen seconds).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from router.wire.exchange import Exchange

__all__ = ["Heartbeat"]

RawHeaders = list[tuple[bytes, bytes]]


class Heartbeat:
    """Beats while nothing else is written, after `interval` seconds of silence at the least and twice that at most."""

    __slots__ = ("_exchange", "_headers", "_interval", "_looked", "_timer")

    def __init__(self, exchange: Exchange, interval: float, headers: Callable[[], RawHeaders]):
        """`headers` of the answer, should it begin with a comment."""
        self._exchange = exchange
        self._interval = interval
        self._headers = headers
        self._looked = exchange.last
        """What had been written last when it looked."""
        self._timer = asyncio.get_running_loop().call_later(interval, self._beat)

    def stop(self) -> None:
        """No more."""
        self._timer.cancel()

    def _beat(self) -> None:
        exchange = self._exchange
        if exchange.disconnected or exchange.response_complete:
            return
        silent = exchange.last is self._looked
        if silent and (not exchange.started or exchange.last.endswith((b"\n\n", b"\r\n\r\n"))):
            exchange.comment(self._headers())
        self._looked = exchange.last
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._beat)
