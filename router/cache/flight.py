"""One request upstream for many equal ones: what comes back is kept from its beginning and read by all.

The request belongs to a task of its own and not to the client that came first, so that it goes on while anybody waits
for it, whoever leaves. When the last one leaves, it is cancelled at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from router.backends.contract import Answer, BackendError

__all__ = ["Flight", "Flights", "Seat"]

log = logging.getLogger("signalbox.cache")

RawHeaders = list[tuple[bytes, bytes]]

JOINABLE = 4 * 1024 * 1024
"""Bytes kept from the beginning. A longer answer can no longer be joined: who comes then asks for itself."""
AHEAD = 256 * 1024
"""Bytes by which the backend may be ahead of the quickest reader; then it is made to wait."""
BEHIND = 4 * 1024 * 1024
"""Bytes by which a reader of an answer that can no longer be joined may be behind the quickest; then it is let go."""


class Flight:
    """One request upstream. `ask` sends it; `landed` is told of the whole body when it has come to its end."""

    def __init__(
        self,
        ask: Callable[[Flight], Awaitable[Answer]],
        landed: Callable[[Flight], Awaitable[None]],
        over: Callable[[Flight], None],
    ):
        self.status = 0
        self.headers: RawHeaders = []
        self.elsewhere = False
        """The answer was got by another process."""
        self.joinable = True
        self.done = False
        """The answer has ended, properly or by `error`."""
        self.error: BackendError | None = None
        self.end = 0
        """Pieces that have come, those no longer kept included."""
        self.size = 0
        """Bytes of them."""
        self._pieces: list[bytes] = []
        self._gone = 0
        """Pieces no longer kept."""
        self._seats: set[Seat] = set()
        self._hold: asyncio.Future[None] | None = None
        self._over = over
        self.task = asyncio.create_task(self._fly(ask, landed))

    def board(self) -> Seat:
        """One more reader, from the beginning."""
        seat = Seat(self)
        self._seats.add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """One reader less; without any there is nobody to ask for."""
        if seat not in self._seats:
            return
        self._seats.discard(seat)
        if self._seats:
            self.moved()
        elif not self.done:
            self.joinable = False
            self._over(self)
            self.task.cancel()

    def body(self) -> bytes | None:
        """All of it; None when its beginning is no longer kept."""
        return b"".join(self._pieces) if self._gone == 0 else None

    def since(self, at: int) -> bytes:
        """What has come since piece `at`."""
        return b"".join(self._pieces[at - self._gone :])

    def moved(self) -> None:
        """A reader has read on, or left: the backend may go on too."""
        if self._hold is not None and not self._hold.done() and not self._too_far():
            self._hold.set_result(None)
        if not self.joinable and self._seats:
            self._forget()

    async def _fly(
        self, ask: Callable[[Flight], Awaitable[Answer]], landed: Callable[[Flight], Awaitable[None]]
    ) -> None:
        answer: Answer | None = None
        try:
            answer = await ask(self)
            self.status, self.headers = answer.status, answer.headers
            self._wake()
            if self.status >= 400 or _kind(self.headers).startswith(b"application/json"):
                self._take(await answer.read())
            else:
                await answer.pipe(self._take, self._ready)
        except BackendError as error:
            self.error = error
        except asyncio.CancelledError:
            self.error = BackendError("broken", "the request was given up")
            raise
        except Exception:
            log.exception("a request for several clients failed by a fault of this program")
            self.error = BackendError("broken", "a fault of the proxy; its log tells more")
        finally:
            if answer is not None:
                answer.abort()
            self.done = True
            self._wake()
        try:
            await landed(self)  # still joinable meanwhile: there must be no moment with neither flight nor entry
        finally:
            self._over(self)

    def _take(self, data: bytes) -> None:
        self._pieces.append(data)
        self.end += 1
        self.size += len(data)
        if self.joinable and self.size > JOINABLE:
            self.joinable = False
            self._over(self)
        self._wake()

    def _ready(self) -> Awaitable[None] | None:
        if not self._too_far():
            return None
        self._hold = asyncio.get_running_loop().create_future()
        return self._hold

    def _too_far(self) -> bool:
        return bool(self._seats) and self.size - max(seat.read_bytes for seat in self._seats) > AHEAD

    def _forget(self) -> None:
        """Let go of what every reader has, and of readers that are too far behind."""
        quickest = max(seat.read_bytes for seat in self._seats)
        for seat in self._seats:
            if quickest - seat.read_bytes > BEHIND:
                seat.lose()
        behind = min((seat.at for seat in self._seats if not seat.lost), default=self.end)
        if behind > self._gone:
            del self._pieces[: behind - self._gone]
            self._gone = behind

    def _wake(self) -> None:
        for seat in self._seats:
            seat.wake()


class Seat(Answer):
    """One reader's view of a flight: an answer like any other. A slow one holds up nobody but itself."""

    __slots__ = ("_flight", "_wake", "at", "headers", "lost", "read_bytes", "status")

    def __init__(self, flight: Flight):
        self._flight = flight
        self._wake: asyncio.Future[None] | None = None
        self.at = 0
        self.read_bytes = 0
        self.lost = False
        self.status = 0
        self.headers: RawHeaders = []

    async def head(self) -> Seat:
        """Until the answer begins. Raises BackendError when it does not."""
        flight = self._flight
        while not flight.status:
            if flight.error is not None:
                raise _again(flight.error)
            await self._wait()
        self.status, self.headers = flight.status, list(flight.headers)
        return self

    async def read(self) -> bytes:
        flight = self._flight
        while not flight.done:
            await self._wait()
        if flight.error is not None:
            raise _again(flight.error)
        return flight.since(0)

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        flight = self._flight
        while True:
            if self.lost:
                raise BackendError("broken", "the client took the answer too slowly")
            if self.at < flight.end:
                data = flight.since(self.at)
                self.at = flight.end
                self.read_bytes += len(data)
                flight.moved()
                sink(data)
                if ready is not None and (wait := ready()) is not None:
                    await wait
            elif flight.done:
                break
            else:
                await self._wait()
        if flight.error is not None:
            raise _again(flight.error)

    def abort(self) -> None:
        self._flight.leave(self)

    def lose(self) -> None:
        """What it has not read is no longer kept."""
        self.lost = True
        self.wake()

    def wake(self) -> None:
        """Something has happened."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _wait(self) -> None:
        self._wake = asyncio.get_running_loop().create_future()
        await self._wake


class Flights:
    """The flights that can be joined, by what makes requests equal."""

    def __init__(self) -> None:
        self._flights: dict[object, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """The loop itself does not keep a task alive."""

    def __len__(self) -> int:
        return len(self._flights)

    def get(self, name: object) -> Flight | None:
        """One that can be joined."""
        return self._flights.get(name)

    def start(
        self,
        name: object,
        ask: Callable[[Flight], Awaitable[Answer]],
        landed: Callable[[Flight], Awaitable[None]],
    ) -> Flight:
        """A new one; equal requests that come later find it instead of an older one."""

        def over(flight: Flight) -> None:
            if self._flights.get(name) is flight:
                del self._flights[name]

        flight = self._flights[name] = Flight(ask, landed, over)
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._tasks.discard)
        return flight

    async def close(self) -> None:
        """End them all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _kind(headers: RawHeaders) -> bytes:
    return next((value for name, value in headers if name == b"content-type"), b"")


def _again(error: BackendError) -> BackendError:
    """One for each reader: an exception that is raised several times collects their tracebacks."""
    return BackendError(
        error.reason, error.message, status=error.status, retry_after=error.retry_after, code=error.code
    )
