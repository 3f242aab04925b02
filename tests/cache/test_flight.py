"""One request upstream for many readers: nobody misses a thing or holds up another, nothing is asked in vain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from router.backends.contract import Answer, BackendError, Plain
from router.cache.flight import AHEAD, BEHIND, JOINABLE, Flight, Flights, Seat

STREAM = [(b"content-type", b"text/event-stream")]


class Script(Answer):
    """A stream that gives what the test puts into it; `paused` while it is held back."""

    status = 200

    def __init__(self) -> None:
        self.headers = list(STREAM)
        self.pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.given = 0
        self.aborted_at = 0.0

    async def read(self) -> bytes:
        raise AssertionError("an event stream is piped, never read whole")

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        while (piece := await self.pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            sink(piece)
            self.given += len(piece)
            if ready is not None and (wait := ready()) is not None:
                await wait

    def abort(self) -> None:
        self.aborted_at = self.aborted_at or time.perf_counter()


class Client:
    """Reads a seat into `taken`; takes nothing while `slow`."""

    def __init__(self, seat: Seat):
        self.seat = seat
        self.taken = b""
        self.gate = asyncio.Event()
        self.gate.set()
        self.task = asyncio.create_task(self._run())

    def _take(self, data: bytes) -> None:
        self.taken += data

    async def _run(self) -> None:
        try:
            await self.seat.head()
            await self.seat.pipe(self._take, lambda: None if self.gate.is_set() else self.gate.wait())
        finally:
            self.seat.abort()


class Upstream:
    """Counts what is asked, and keeps what landed."""

    def __init__(self, answer: Answer | Exception):
        self.answer = answer
        self.asked = 0
        self.landed: list[bytes | None] = []

    async def ask(self, _: Flight) -> Answer:
        self.asked += 1
        await asyncio.sleep(0.01)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def land(self, flight: Flight) -> None:
        self.landed.append(flight.body() if flight.error is None else None)


def start(flights: Flights, upstream: Upstream) -> Flight:
    return flights.get("n") or flights.start("n", upstream.ask, upstream.land)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_many_readers_make_one_request_and_each_gets_everything() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        clients = [Client(start(flights, upstream).board()) for _ in range(50)]
        for number in range(10):
            script.pieces.put_nowait(b"%d," % number)
            await asyncio.sleep(0.002)
            clients.append(Client(start(flights, upstream).board()))  # one that comes late
        script.pieces.put_nowait(None)
        await asyncio.gather(*(client.task for client in clients))
        assert {client.taken for client in clients} == {b"0,1,2,3,4,5,6,7,8,9,"}
        assert upstream.asked == 1
        assert upstream.landed == [b"0,1,2,3,4,5,6,7,8,9,"]
        assert len(flights) == 0

    asyncio.run(scenario())


def test_a_plain_answer_is_shared_too() -> None:
    async def scenario() -> None:
        flights, upstream = Flights(), Upstream(Plain(b'{"a": 1}'))
        seats = [start(flights, upstream).board() for _ in range(5)]
        bodies = await asyncio.gather(*((await_read(seat)) for seat in seats))
        assert bodies == [b'{"a": 1}'] * 5
        assert upstream.asked == 1

    async def await_read(seat: Seat) -> bytes:
        await seat.head()
        return await seat.read()

    asyncio.run(scenario())


def test_whoever_leaves_it_goes_on_while_somebody_waits() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        owner, other = (Client(start(flights, upstream).board()) for _ in range(2))
        script.pieces.put_nowait(b"a")
        await asyncio.sleep(0.02)
        owner.task.cancel()
        await settle()
        assert script.aborted_at == 0
        script.pieces.put_nowait(b"b")
        script.pieces.put_nowait(None)
        await other.task
        assert other.taken == b"ab"
        assert upstream.asked == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("before_the_head", [True, False])
def test_when_the_last_leaves_the_backend_stops_at_once(before_the_head: bool) -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        clients = [Client(start(flights, upstream).board()) for _ in range(3)]
        await asyncio.sleep(0.001 if before_the_head else 0.03)
        left = time.perf_counter()
        for client in clients:
            client.task.cancel()
        await asyncio.sleep(0.03)
        if not before_the_head:
            assert script.aborted_at - left < 0.02
        assert len(flights) == 0
        assert upstream.landed == []
        again = Client(start(flights, upstream).board())
        await asyncio.sleep(0.02)
        assert upstream.asked == 2  # and who comes now does not join what was given up
        again.task.cancel()

    asyncio.run(scenario())


def test_a_failure_before_the_answer_is_told_to_all() -> None:
    async def scenario() -> None:
        flights = Flights()
        upstream = Upstream(BackendError("connect", "nobody there", retry_after=3))
        clients = [Client(start(flights, upstream).board()) for _ in range(3)]
        results = await asyncio.gather(*(client.task for client in clients), return_exceptions=True)
        assert [(type(r), r.reason, r.retry_after) for r in results] == [(BackendError, "connect", 3)] * 3  # type: ignore[union-attr]
        assert len({id(result) for result in results}) == 3
        assert upstream.asked == 1

    asyncio.run(scenario())


def test_a_break_in_the_middle_is_told_after_what_had_come() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        clients = [Client(start(flights, upstream).board()) for _ in range(2)]
        script.pieces.put_nowait(b"half")
        script.pieces.put_nowait(BackendError("broken", "gone"))
        results = await asyncio.gather(*(client.task for client in clients), return_exceptions=True)
        assert [client.taken for client in clients] == [b"half", b"half"]
        assert all(isinstance(result, BackendError) for result in results)
        assert upstream.landed == [None]

    asyncio.run(scenario())


def test_a_slow_reader_holds_up_nobody_and_misses_nothing() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        slow, quick = (Client(start(flights, upstream).board()) for _ in range(2))
        slow.gate.clear()
        pieces = [bytes([number]) * 100_000 for number in range(30)]
        for piece in (*pieces, None):
            script.pieces.put_nowait(piece)
        await asyncio.wait_for(quick.task, 5)
        assert quick.taken == b"".join(pieces)
        assert len(slow.taken) < len(quick.taken)
        slow.gate.set()
        await slow.task
        assert slow.taken == quick.taken

    asyncio.run(scenario())


def test_the_backend_waits_for_the_quickest_reader() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        client = Client(start(flights, upstream).board())
        client.gate.clear()
        for _ in range(100):
            script.pieces.put_nowait(bytes(50_000))
        await asyncio.sleep(0.05)
        assert script.given - len(client.taken) <= AHEAD + 50_000
        client.gate.set()
        script.pieces.put_nowait(None)
        await asyncio.wait_for(client.task, 5)
        assert len(client.taken) == 100 * 50_000

    asyncio.run(scenario())


def test_beyond_the_bound_late_ones_ask_for_themselves_and_memory_stays_bounded() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        flight = start(flights, upstream)
        client = Client(flight.board())
        total = 3 * JOINABLE
        for _ in range(total // 100_000):
            script.pieces.put_nowait(bytes(100_000))
            await settle()
        await asyncio.sleep(0.05)
        assert flights.get("n") is None
        assert flight.body() is None
        script.pieces.put_nowait(None)
        await client.task
        assert len(client.taken) == total // 100_000 * 100_000
        assert upstream.landed == [None]

    asyncio.run(scenario())


def test_a_reader_that_stays_too_far_behind_is_let_go() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        upstream = Upstream(script)
        stuck, quick = (Client(start(flights, upstream).board()) for _ in range(2))
        stuck.gate.clear()
        total = JOINABLE + BEHIND + 1_000_000
        for _ in range(total // 100_000):
            script.pieces.put_nowait(bytes(100_000))
            await settle()
        script.pieces.put_nowait(None)
        await asyncio.wait_for(quick.task, 5)
        assert len(quick.taken) == total // 100_000 * 100_000
        stuck.gate.set()
        with pytest.raises(BackendError, match="too slowly"):
            await stuck.task

    asyncio.run(scenario())


def test_closing_ends_what_is_in_the_air() -> None:
    async def scenario() -> None:
        flights, script = Flights(), Script()
        client = Client(start(flights, Upstream(script)).board())
        await asyncio.sleep(0.02)
        await flights.close()
        with pytest.raises(BackendError, match="given up"):
            await client.task
        assert script.aborted_at

    asyncio.run(scenario())
