"""The client toward backends, against servers on real sockets that behave well and badly."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator

import pytest

from router.wire import connection
from router.wire.client import Limits, Origin, Pool, WireError
from tests.wire.conftest import upstream

pytestmark = pytest.mark.anyio

HEAD = b"POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def always_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await request_of(reader)
        writer.write(OK)


async def ask(pool: Pool, body: bytes = b"{}") -> bytes:
    return await (await pool.send(HEAD % len(body), body)).read()


async def test_connections_are_kept_and_used_again() -> None:
    connections = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await always_ok(reader, writer)

    async with upstream(play) as pool:
        for _ in range(5):
            assert await ask(pool) == b"ok"
        assert connections == 1
        assert await asyncio.gather(*(ask(pool) for _ in range(8))) == [b"ok"] * 8
        assert connections <= 9


async def test_a_kept_connection_that_the_server_closed_is_replaced_unseen() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(OK)
        await writer.drain()
        await request_of(reader)  # taken, and closed without a word: so does a server whose keep-alive ran out

    async with upstream(play) as pool:
        for _ in range(4):
            assert await ask(pool) == b"ok"


async def test_who_worked_and_then_closed_without_a_word_is_not_asked_again_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "STALE_WITHIN", 0.05)
    asked = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await request_of(reader)
        asked += 1
        writer.write(OK)
        await request_of(reader)
        asked += 1
        await asyncio.sleep(0.2)

    async with upstream(play) as pool:
        assert await ask(pool) == b"ok"
        with pytest.raises(WireError, match="closed before an answer") as caught:
            await ask(pool)
    assert (caught.value.reason, asked) == ("broken", 2)


async def test_the_body_arrives_as_sent_in_pieces_of_any_size() -> None:
    body = bytes(range(256)) * 2000

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = await request_of(reader)
        assert got.endswith(body)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 70_001):
            piece = body[at : at + 70_001]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with upstream(play) as pool:
        assert await ask(pool, body) == body


async def test_each_piece_reaches_the_sink_as_it_comes() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(20):
            writer.write(b"3\r\nabc\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")

    async with upstream(play) as pool:
        response = await pool.send(HEAD % 2, b"{}")
        times: list[float] = []
        await response.pipe(lambda data: times.append(time.perf_counter()))
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert len(times) == 20
        assert sorted(gaps)[len(gaps) // 2] == pytest.approx(0.01, abs=0.006)


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"", "broken", "closed before an answer"),
        (b"nonsense\r\n\r\n", "broken", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "broken", "middle of the answer"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc", "broken", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "broken", "middle of the answer"),
    ],
)
async def test_an_answer_that_is_none_is_told_as_such(answer: bytes, reason: str, words: str) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer)
        await writer.drain()

    async with upstream(play) as pool:
        with pytest.raises(WireError, match=words) as caught:
            await ask(pool)
        assert caught.value.reason == reason


@pytest.mark.parametrize("close", [b"", b"connection: close\r\n"])
async def test_what_comes_behind_an_answer_is_not_mixed_into_it(close: bytes) -> None:
    """In the same packet; the connection is not used again."""
    second = b"HTTP/1.1 200 OK\r\nx-foreign: 1\r\ncontent-length: 7\r\n\r\nforeign"

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(OK.replace(b"content-length", close + b"content-length") + second)
        await writer.drain()
        await reader.read()

    async with upstream(play) as pool:
        for _ in range(3):
            response = await pool.send(HEAD % 2, b"{}")
            assert await asyncio.wait_for(response.read(), 1) == b"ok"
            assert not any(name == b"x-foreign" for name, _ in response.headers)


async def test_words_on_an_idle_connection_end_it() -> None:
    accepted = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        while True:
            await request_of(reader)
            writer.write(OK)
            await asyncio.sleep(0.03)
            writer.write(OK.replace(b"ok", b"no"))

    async with upstream(play) as pool:
        for _ in range(3):
            assert await ask(pool) == b"ok"
            await asyncio.sleep(0.1)
        assert accepted == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nx-long: " + b"a" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"x-many: 1\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-trailer: " + b"a" * 600_000,
    ],
    ids=["a line without end", "many lines", "interim heads", "trailers"],
)
async def test_a_head_without_end_is_given_up_and_not_kept(answer: bytes) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer)
        await reader.read()

    async with upstream(play) as pool:
        with pytest.raises(WireError, match="larger than 65,536 bytes"):
            await asyncio.wait_for(ask(pool), 2)


async def test_a_head_that_trickles_must_be_there_in_the_time_of_the_first_byte() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for byte in OK:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.05)

    async with upstream(play, Limits(first_byte=0.3)) as pool:
        with pytest.raises(WireError, match=r"no answer within 0\.3 s"):
            await ask(pool)


@pytest.mark.parametrize("status", [b"101", b"700", b"000"])
async def test_a_status_that_is_no_answer_is_told_as_such(status: bytes) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 %b X\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n" % status)
        await reader.read()

    async with upstream(play) as pool:
        with pytest.raises(WireError) as caught:
            await asyncio.wait_for(ask(pool), 1)
        assert caught.value.reason == "broken"


async def test_an_answer_that_ends_with_the_connection_is_whole() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nall of it")

    async with upstream(play) as pool:
        assert await ask(pool) == b"all of it"


async def test_interim_answers_are_passed_over() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK)

    async with upstream(play) as pool:
        response = await pool.send(HEAD % 2, b"{}")
        assert (response.status, await response.read()) == (200, b"ok")
        assert not any(name == b"link" for name, _ in response.headers)


@pytest.mark.parametrize(
    ("limits", "first", "words"),
    [
        (Limits(first_byte=0.1), b"", "no answer within 0.1 s"),
        (Limits(first_byte=5, idle=0.1), b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", "silent for 0.1 s"),
        (Limits(total=0.1), b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", "longer than 0.1 s"),
    ],
)
async def test_each_wait_has_its_limit(limits: Limits, first: bytes, words: str) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(first)
        await asyncio.sleep(5)

    async with upstream(play, limits) as pool:
        begun = time.perf_counter()
        with pytest.raises(WireError, match=words) as caught:
            await ask(pool)
        assert caught.value.reason == "timeout"
        assert time.perf_counter() - begun < 1


async def test_nobody_there_is_a_connect_error_with_the_address() -> None:
    with pytest.raises(WireError, match=r"cannot connect to 127.0.0.1:1: connection refused") as caught:
        await ask(Pool(Origin("127.0.0.1", 1), Limits()))
    assert caught.value.reason == "connect"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", ".example"])
async def test_a_host_that_is_no_name_is_a_connect_error(host: str) -> None:
    with pytest.raises(WireError, match="the host is no name") as caught:
        await ask(Pool(Origin(host, 80), Limits()))
    assert caught.value.reason == "connect"


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_an_answer_is_read_up_to_the_limit_and_no_further(pause: float) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_of(reader)
            writer.write(OK[:-2])
            await asyncio.sleep(pause)
            writer.write(OK[-2:])

    async with upstream(play) as pool:
        assert await (await pool.send(HEAD % 2, b"{}")).read(2) == b"ok"
        with pytest.raises(WireError, match="larger than 1 bytes"):
            await (await pool.send(HEAD % 2, b"{}")).read(1)


async def test_cancelling_closes_the_connection_at_once() -> None:
    gone = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        with contextlib.suppress(ConnectionError):
            assert await reader.read(1) == b""
        gone.set()

    async with upstream(play) as pool:
        response = await pool.send(HEAD % 2, b"{}")
        task = asyncio.create_task(response.pipe(lambda data: None))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait_for(gone.wait(), 0.1)


async def test_a_slow_reader_makes_the_server_wait_instead_of_filling_memory() -> None:
    sent = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n")
        piece = b"x" * 100_000
        while sent < 200_000_000:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    async with upstream(play) as pool:
        response = await pool.send(HEAD % 2, b"{}")
        release = asyncio.Event()
        task = asyncio.create_task(
            response.pipe(lambda data: None, lambda: None if release.is_set() else release.wait())
        )
        await asyncio.sleep(0.3)
        assert sent < 20_000_000
        release.set()
        await task
        assert sent == 200_000_000


async def test_an_upload_is_sent_as_it_comes_chunked_or_with_its_length() -> None:
    got: list[bytes] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        wanted = 19 if b"chunked" in head else 6
        got.append(await reader.readexactly(wanted))
        writer.write(OK)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.sleep(0.01)
        yield b"def"

    async with upstream(play) as pool:
        for head, chunked in ((b"transfer-encoding: chunked", True), (b"content-length: 6", False)):
            response = await pool.stream(b"POST / HTTP/1.1\r\nhost: h\r\n%b\r\n\r\n" % head, pieces(), chunked)
            assert await response.read() == b"ok"
    assert got == [b"3\r\nabc\r\n3\r\ndef\r\n0\r\n", b"abcdef"]
