"""What the backend of the laboratory can do to a proxy. `FAULTS` has them all, by a name that reads as a sentence."""

from __future__ import annotations

import asyncio
import gzip
import json
import select
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.faults.backend import Connection, Fault, json_answer
from tests.upstream import chat_answer, chat_chunks

__all__ = ["BOMB", "DRIPS", "EVENTS", "FAULTS", "GIGABYTE", "GZIPPED", "JSON", "PIECES", "SLOW", "STREAM", "resets_at"]

Play = Callable[[Connection], Awaitable[None]]

GIGABYTE = 1 << 30
SLOW = (100, 0.05)
"""Events of a slow stream, and seconds between two of them."""
DRIPS = (60, 0.5)
"""Of one that a thousand can have at once."""
PIECES = ["hel", "lo"]
EVENTS = chat_chunks(PIECES)
"""A whole stream, event by event: a role, two of content, one with the finish reason, `[DONE]`."""
JSON = json.dumps(chat_answer()).encode()
BOMB = gzip.compress(b"{" + b" " * (64 << 20))
"""64 MiB in as many kB."""
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(JSON)
END = b"0\r\n\r\n"
BREATH = 0.03
"""Seconds after which what was sent has been read by a peer that reads: a reset may take back what was not."""

FAULTS: dict[str, Fault] = {}


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = SSE + b"".join(map(chunk, EVENTS)) + END


def fault(**settings: Any) -> Callable[[Play], Play]:
    """Put a play among FAULTS, under its name in words."""

    def take(play: Play) -> Play:
        name = play.__name__.strip("_").replace("_", " ")
        FAULTS[name] = Fault(name, play, **settings)
        return play

    return take


def says(name: str, *pieces: bytes, pause: float = 0.0, then: str = "stay", **settings: Any) -> None:
    """A fault that says these bytes to whatever it is asked, and then closes, resets, or stays."""

    async def play(connection: Connection) -> None:
        await connection.say(*pieces, pause=pause)
        if then == "reset":
            await asyncio.sleep(BREATH)
            connection.reset()
        elif then == "close":
            connection.close()
        elif then == "stay":
            await connection.stay()

    FAULTS[name] = Fault(name, play, **settings)


def _streams(connection: Connection) -> bool:
    assert connection.asked is not None
    try:
        said = connection.asked.json
    except ValueError:  # a form
        return False
    return isinstance(said, dict) and said.get("stream") is True


# -- well-behaved ones ------------------------------------------------------------------------------------------------


@fault()
async def good(connection: Connection) -> None:
    await connection.say(STREAM if _streams(connection) else PLAIN + JSON)


@fault()
async def slow(connection: Connection) -> None:
    """A stream of SLOW; sees at once when its client leaves."""
    await _unhurried(connection, *SLOW)


@fault(clients=False)
async def drips(connection: Connection) -> None:
    await _unhurried(connection, *DRIPS)


async def _unhurried(connection: Connection, count: int, pause: float) -> None:
    async def say() -> None:
        await connection.say(SSE)
        await connection.say(*map(chunk, chat_chunks([f"piece {n} " for n in range(count)])), pause=pause)
        await connection.say(END)

    saying, leaving = asyncio.create_task(say()), asyncio.create_task(connection.stay())
    done, pending = await asyncio.wait((saying, leaving), return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*done, *pending, return_exceptions=True)
    if leaving in done:
        connection.close()


@fault(clients=False)
async def streams_for_a_moment(connection: Connection) -> None:
    """A stream of a quarter of a second, or a plain answer after half of that."""
    if _streams(connection):
        await _unhurried(connection, 20, 0.0125)
    else:
        await asyncio.sleep(0.125)
        await good(connection)


@fault()
async def thinks_for_a_while(connection: Connection) -> None:
    await asyncio.sleep(0.2)
    await good(connection)


# -- connections ------------------------------------------------------------------------------------------------------

FAULTS["refuses"] = Fault("refuses", None)
says("accepts and hangs", at_once=True)
says("closes at once", then="close", at_once=True)
says("resets at once", then="reset", at_once=True)
says("has a certificate that nobody trusts", tls=True, certified=True)
says("speaks plain on a TLS port", b"HTTP/1.1 400 Bad Request\r\n\r\n", then="close", tls=True, at_once=True)
says("hangs in the TLS handshake", tls=True, at_once=True)
says("closes after the request", then="close")
says("resets after the request", then="reset")
says("says nothing")


@fault(at_once=True, receive=4096, clients=False)
async def stops_reading(connection: Connection) -> None:
    """Takes the head and no more; sees when the peer has closed, all the same."""
    await connection.reader.readuntil(b"\r\n\r\n")
    transport: Any = connection.writer.transport
    transport.pause_reading()
    watch = select.poll()
    watch.register(connection.writer.get_extra_info("socket").fileno(), select.POLLRDHUP)
    while not watch.poll(0):
        await asyncio.sleep(0.02)


@fault(whole_request=False, clients=False)
async def answers_before_the_body(connection: Connection) -> None:
    await connection.say(json_answer(413, {"error": {"message": "too large for me"}}, "connection: close\r\n"))
    connection.close()


# -- heads ------------------------------------------------------------------------------------------------------------

HALF = SSE[: len(SSE) // 2]
says("closes in half a head", HALF, then="close")
says("resets in half a head", HALF, then="reset")
says("hangs in half a head", HALF)
says("trickles its head", *[SSE[at : at + 1] for at in range(len(SSE) - 1)], pause=0.1)
says("says garbage", bytes(range(256)) * 8, then="close")
says("speaks another protocol", b"SSH-2.0-OpenSSH_9.9\r\n")
says("has a header with a NUL", b"HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: 2\r\n\r\n{}", then="close")
says("has a header without a colon", b"HTTP/1.1 200 OK\r\nnonsense\r\ncontent-length: 2\r\n\r\n{}", then="close")
says("has a header name with a space", b"HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 2\r\n\r\n{}", then="close")
says("has a header of 1 MB", PLAIN[:-2] + b"x-long: " + b"a" * 1_000_000 + b"\r\n\r\n" + JSON)
says("has ten thousand headers", PLAIN[:-2] + b"".join(b"x-%d: a\r\n" % n for n in range(10_000)) + b"\r\n" + JSON)
says("has status 700", b"HTTP/1.1 700 X\r\ncontent-length: 2\r\n\r\n{}")
says("has status 000", b"HTTP/1.1 000 X\r\ncontent-length: 2\r\n\r\n{}", then="close")
says("claims HTTP 3", b"HTTP/3.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", then="close")
says("switches protocols unasked", b"HTTP/1.1 101 X\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nPRI * HTTP/2.0")
says("has a negative length", b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}", then="close")
says("has no number for a length", b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n{}", then="close")
says(
    "has two lengths that differ",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 30\r\n\r\n{}",
    then="close",
)
says("has both lengths", PLAIN[:-2] + b"transfer-encoding: chunked\r\n\r\n" + chunk(JSON) + END, then="close")
says("sends interim heads without end", *[b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"] * 100, pause=0.05)

# -- bodies that do not come whole -----------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
CLOSED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
says("has a length too long", PLAIN + JSON[:50], then="close")
says("hangs in the body", PLAIN + JSON[:50])
says("closes in half a chunk", CHUNKED + b"%x\r\n" % len(JSON) + JSON[:50], then="close")
says("has a chunk size that is none", CHUNKED + b"zz\r\n" + JSON + b"\r\n" + END)
says("has a chunk of 2^68 bytes", CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n" + JSON)
says("closes before the last chunk", CHUNKED + chunk(JSON), then="close")
says("closes the stream before its first event", SSE, then="close")
says("closes in its first event", SSE + b"%x\r\n" % len(EVENTS[0]) + EVENTS[0][:20], then="close")
says("hangs before its first event", SSE)


@fault()
async def resets_in_its_second_event(connection: Connection) -> None:
    await resets_at(len(SSE) + len(chunk(EVENTS[0])) + 20)(connection)


def resets_at(byte: int) -> Play:
    """The stream up to this byte, and RST."""

    async def play(connection: Connection) -> None:
        await connection.say(STREAM[:byte])
        await asyncio.sleep(BREATH)
        connection.reset()

    return play


for place, at in {
    "byte 1": 1,
    "byte 17, in its status line": 17,
    "byte 40, in its headers": 40,
    "the last byte of its head": len(SSE) - 1,
    "its first chunk size": len(SSE) + 1,
    "a byte of its role": len(SSE) + 60,
    "a byte of its second content": len(SSE) + sum(len(chunk(event)) for event in EVENTS[:2]) + 100,
}.items():
    name = f"resets at {place}"
    FAULTS[name] = Fault(name, resets_at(at))
BEGUN = SSE + b"".join(map(chunk, EVENTS[:2]))
"""A role and the first content."""
says("closes after its first content", BEGUN, then="close")
says("resets after its first content", BEGUN, then="reset")
says("hangs after its first content", BEGUN)
says("has no chunk after its first content", BEGUN + b"zz\r\nabc", then="close")
says("closes after DONE, before the last chunk", STREAM[: -len(END)], then="close")
LENGTH = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
says("has a length too long for its stream", LENGTH % 100_000 + b"".join(EVENTS), then="close")

# -- answers that are not what they claim ----------------------------------------------------------------------------

HTML = b"<!doctype html><title>Sign in</title><p>Your session has expired."


def whole(kind: bytes, body: bytes, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    """A whole answer of any kind."""
    named = b"content-type: " + kind + b"\r\n" if kind else b""
    return b"HTTP/1.1 %b\r\n%b%bcontent-length: %d\r\n\r\n%b" % (status, named, headers, len(body), body)


says("answers with a page", whole(b"text/html; charset=utf-8", HTML), then="")
says("answers JSON that does not parse", whole(b"application/json", JSON[:-9]), then="")
says("answers JSON that is cut by a length too short", PLAIN.replace(b"%d" % len(JSON), b"60") + JSON, then="stay")
says("answers JSON that is cut by the end", CLOSED + JSON[:60], then="close")
says("answers null", whole(b"application/json", b"null"), then="")
says("answers nothing at all", whole(b"application/json", b""), then="")
says(
    "answers an error with status 200", whole(b"application/json", b'{"error": {"message": "out of memory"}}'), then=""
)
says("calls a stream JSON", whole(b"application/json", b"".join(EVENTS)), then="")
says("calls JSON a stream", whole(b"text/event-stream", JSON), then="")
says("calls a page a stream", whole(b"text/event-stream", HTML), then="")
says("ends a stream that has no events", SSE + END, then="")
says("ends a stream after its role", SSE + chunk(EVENTS[0]) + END, then="")
says("ends a stream in its content", BEGUN + END, then="")
ERROR_EVENT = b'data: {"error": {"message": "CUDA out of memory", "type": "server_error", "code": 500}}\n\n'
says("begins with an error event", SSE + chunk(ERROR_EVENT) + END, then="")
says("begins with an error event of its own name", SSE + chunk(b"event: error\n" + ERROR_EVENT) + END, then="")


def comments() -> Iterator[bytes]:
    """Ten seconds of them."""
    yield SSE
    for _ in range(200):
        yield chunk(b": still loading\n\n")


says("only says comments", *comments(), pause=0.05)

# -- statuses --------------------------------------------------------------------------------------------------------

FAILED = (408, 409, 425, 429, 500, 501, 502, 503, 504, 505, 507, 508, 520, 524, 529, 599)
SHOWN = (400, 401, 403, 404, 422)
for number in (*FAILED, *SHOWN):
    told = {"error": {"message": f"scripted {number}", "type": "scripted", "param": None, "code": None}}
    says(f"answers {number}", json_answer(number, told), then="")
BUSY = {"error": {"message": "too many requests", "type": "rate_limit_error", "param": None, "code": None}}
for words, value in {
    "in a minute": "60",
    "by a date": "Thu, 01 Jan 2099 00:00:00 GMT",
    "nonsense": "soon",
    "negative": "-5",
}.items():
    says(f"answers 429 and to come again {words}", json_answer(429, BUSY, f"retry-after: {value}\r\n"), then="")
for number in (301, 302, 303, 307, 308):
    elsewhere = b"location: http://elsewhere.invalid/v1/chat/completions\r\n"
    says(f"redirects with {number}", whole(b"text/html", b"moved", b"%d X" % number, elsewhere), then="")

# -- odd, and still answers ------------------------------------------------------------------------------------------

INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nx-secret: interim\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n"
says("says interim heads first", INTERIM + PLAIN + JSON, then="")
says("trickles its answer", *[STREAM[at : at + 1] for at in range(len(STREAM))], pause=0.0005, then="")
says("speaks HTTP 1.0", b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + b"".join(EVENTS), then="close")
says("streams with a length", LENGTH % len(b"".join(EVENTS)) + b"".join(EVENTS), then="")
says("ends its stream without DONE", SSE + b"".join(map(chunk, EVENTS[:-1])) + END, then="")
says("has trailers", CHUNKED + chunk(JSON) + b"0\r\nx-secret: trailer\r\ncontent-type: text/x\r\n\r\n", then="")
says("has chunk extensions", CHUNKED + b"%x;a=b\r\n" % len(JSON) + JSON + b"\r\n" + END, then="")
SECOND = json.dumps(chat_answer("somebody else's answer")).encode()
FOREIGN = whole(b"application/json", SECOND, headers=b"x-foreign: 1\r\n")
says("answers twice", PLAIN + JSON + FOREIGN)
says("closes with words after its answer", PLAIN[:-2] + b"connection: close\r\n\r\n" + JSON + b"and more", then="close")
says("sends words after its last chunk", STREAM + b"and more", then="close")
GZIPPED = gzip.compress(JSON)
says("answers in gzip", whole(b"application/json", GZIPPED, headers=b"content-encoding: gzip\r\n"), then="")

# -- much ------------------------------------------------------------------------------------------------------------

says("sends a gzip bomb", whole(b"application/json", BOMB, headers=b"content-encoding: gzip\r\n"), clients=False)


def _large_chunk() -> bytes:
    text = {"choices": [{"index": 0, "delta": {"content": "a" * 65_000}, "finish_reason": None}]}
    return chunk((b"data: " + json.dumps(text).encode() + b"\n\n") * 16)


@fault(clients=False)
async def sends_1_GB(connection: Connection) -> None:
    """A stream, or JSON that never ends."""
    large = _large_chunk() if _streams(connection) else chunk(b" " * (1 << 20))
    await connection.say(SSE if _streams(connection) else CHUNKED)
    try:
        for _ in range(GIGABYTE // len(large)):
            await connection.say(large)
        await connection.say(*([chunk(event) for event in EVENTS[-2:]]), END)
    except ConnectionError:
        pass


@fault(clients=False)
async def sends_1_GB_without_a_line_end(connection: Connection) -> None:
    piece = chunk(b"a" * (1 << 20))
    await connection.say(SSE, chunk(b"data: "))
    for _ in range(GIGABYTE // len(piece)):
        await connection.say(piece)
    await connection.say(END)
