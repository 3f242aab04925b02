"""One request at the cache, before one backend: look, else ask together with equal requests, and keep what comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from router.backends.circuit import Circuit
from router.backends.contract import Answer, Backend, Call
from router.cache.completeness import is_complete
from router.cache.entry import Entry
from router.cache.flight import Flight, Flights
from router.cache.key import Key, repeats_a_key
from router.cache.similar import Likeness
from router.cache.store import Store
from router.config.schema import Cache as Policy
from router.telemetry.record import Attempt, CacheResult, Record

__all__ = ["Visit"]

LOCKED = 2.5
"""Seconds for which other processes are told that the answer is being got here."""
WAIT = 2.0
"""Seconds to wait for another process that has said so; then the backend is simply asked twice."""
FIRST_LOOK, LONGEST_LOOK = 0.02, 0.2
"""Seconds between two looks for its answer."""
LARGE = 64 * 1024
"""Bytes of an answer, or of a request, from which on its parsing is left to a thread."""


@dataclass(slots=True)
class Visit:
    """Made by `Cache.visit` for a request whose answer may be kept. It fills in what attempt and record have of the
    cache."""

    store: Store
    flights: Flights
    policy: Policy
    key: Key
    backend: Backend
    call: Call
    record: Record
    attempt: Attempt
    """By which the backend is asked for this request."""
    refresh: bool
    """Ask anew, and keep the answer."""
    shared: bool
    """Clients with different keys share the entry."""
    gives_usage: bool
    """What is sent upstream asks for the usage of a stream."""
    on_kept: Callable[[str, int], None]
    """Told of route and bytes of an answer that was kept: after the request's record may have been counted."""
    likeness: Likeness | None = None
    """Where the answer to a similar question will do."""
    fault: Callable[[bytes], Awaitable[str | None]] | None = None
    """What the route finds wrong with an answer; None: it asks nothing of it."""

    @property
    def joins(self) -> bool:
        """An equal request is in the air: nothing will be asked for this one alone."""
        return self._flight() is not None

    @property
    def circuit(self) -> Circuit | None:
        """The backend's; None where another request asks it for this one as well."""
        return None if self.joins else self.backend.circuit

    @property
    def _name(self) -> tuple[object, ...]:
        return self.key, self.call.stream, self.gives_usage

    def _flight(self) -> Flight | None:
        # A refresh is not content with an answer that was begun before it; those after it are with its own.
        return None if self.refresh else self.flights.get(self._name)

    async def look(self) -> Answer | None:
        """The answer that was kept, in the caller's form."""
        if self.refresh:
            self._say("bypass")
            return None
        self._say("miss")
        began = time.perf_counter()
        answer = self._found(await self.store.get(self.key), "hit")
        if answer is None and self.likeness is not None:
            answer = await self._similar(self.likeness)
        self.record.cache_seconds += time.perf_counter() - began
        return answer

    def _found(self, value: bytes | None, as_what: CacheResult) -> Answer | None:
        answer = self._replay(value)
        if answer is not None and value is not None:
            self.attempt.cache_bytes = len(value)
            self._say(as_what)
        return answer

    def _say(self, what: CacheResult) -> None:
        self.attempt.cache = self.record.cache = what

    async def _similar(self, likeness: Likeness) -> Answer | None:
        found = await likeness.nearest()
        if found is None:
            return None
        key, cosine = found
        answer = self._found(await self.store.get(key), "similar")
        if answer is None:
            likeness.neighbours.forget(key)
        else:
            self.attempt.similarity = cosine
        return answer

    async def ask(self, call: Call) -> Answer:
        """As `Backend.ask`, together with all who ask the same at this time."""
        if self.shared and await _ambiguous(call.body):
            self._say("bypass")
            return await self.backend.ask(call)
        flight = self._flight()
        joined = flight is not None
        if flight is None:
            flight = self.flights.start(self._name, self._fetch, self._landed)
        seat = flight.board()
        try:
            if joined:
                self._joined()
            await seat.head()
        except BaseException:
            seat.abort()
            raise
        if flight.elsewhere and not joined:
            self._joined()
        return seat

    def _joined(self) -> None:
        """Nothing was asked for this request alone: it has no attempt of its own."""
        self._say("joined")
        self.record.attempts = [each for each in self.record.attempts if each is not self.attempt]

    async def _fetch(self, flight: Flight) -> Answer:
        """The flight's answer: another process's, or the backend's."""
        if not self.refresh and not await self.store.lock(self.key, LOCKED):
            answer = await self._elsewhere()
            if answer is not None:
                flight.elsewhere = True
                return answer
        return await self.backend.ask(self.call)

    async def _elsewhere(self) -> Answer | None:
        """Wait for the process that holds the lock, as long as it does and not too long."""
        pause, until = FIRST_LOOK, time.monotonic() + WAIT
        while time.monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)
            value, locked = await self.store.look(self.key)
            answer = self._replay(value)
            if answer is not None or not locked:
                return answer
        return None

    def _replay(self, value: bytes | None) -> Answer | None:
        entry = Entry.loads(value) if value is not None else None
        return entry.answer(self.call.path, self.call.stream) if entry is not None else None

    async def _landed(self, flight: Flight) -> None:
        """Keep the answer, if it is one to be kept."""
        if flight.elsewhere:
            return
        body = flight.body()
        if body is not None and flight.error is None and self._may_keep(flight, len(body)):
            large = len(body) > LARGE
            value = await asyncio.to_thread(self._packed, body) if large else self._packed(body)
            if value is not None and (self.fault is None or await self.fault(body) is None):
                await self.store.put(self.key, value, self.policy.ttl)
                self.on_kept(self.key.route, len(value))
                if self.likeness is not None:
                    self.likeness.remember(self.key)
        await self.store.unlock(self.key)

    def _may_keep(self, flight: Flight, size: int) -> bool:
        if flight.status != 200 or not 0 < size <= self.policy.max_bytes:
            return False
        headers = dict(flight.headers)
        kind = headers.get(b"content-type", b"")
        wanted = b"text/event-stream" if self.call.stream else b"application/json"
        return kind.startswith(wanted) and b"content-encoding" not in headers

    def _packed(self, body: bytes) -> bytes | None:
        if not is_complete(self.call.path, body, self.call.stream):
            return None
        return Entry(body, self.call.stream, time.time()).dumps()


async def _ambiguous(body: object) -> bool:
    if not isinstance(body, bytes):
        return True
    return await asyncio.to_thread(repeats_a_key, body) if len(body) > LARGE else repeats_a_key(body)
