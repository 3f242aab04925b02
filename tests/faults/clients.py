"""Clients that behave badly, in raw bytes: slow, gone at every stage, and lying about where their request ends."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["CHAT", "LIES", "STAGES", "Answer", "Lie", "Stage", "chat", "connect", "hear", "heard", "post", "reset"]

CHAT = "/v1/chat/completions"


def chat(model: str, *, stream: bool = False, text: str = "hi", **fields: object) -> bytes:
    """A body."""
    return json.dumps(
        {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], **fields}
    ).encode()


def post(body: bytes, path: str = CHAT, headers: str = "") -> bytes:
    """A whole request."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


def connect(port: int, receive: int = 0) -> socket.socket:
    """A connection to the proxy; `receive`: bytes of its receive buffer."""
    client = socket.socket()
    if receive:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.settimeout(10)
    client.connect(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def reset(client: socket.socket) -> None:
    """Leave as a process that is killed on a machine that lives: RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@dataclass(slots=True)
class Answer:
    """What came on one connection for one request."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool
    """It has its proper end."""

    @property
    def error(self) -> dict[str, object]:
        """OpenAI's or Anthropic's; empty when the body is no error."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return {}
        error = told.get("error") if isinstance(told, dict) else None
        return error if isinstance(error, dict) else {}


class Hearing:
    """Reads answers from one connection, one after the other."""

    def __init__(self, client: socket.socket):
        self._client = client
        self._data = b""

    def answer(self) -> Answer | None:
        """The next; None when the connection ends before one begins. Raises TimeoutError when nothing comes."""
        while b"\r\n\r\n" not in self._data:
            if not self._more():
                return None
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
        status = int(line.split(" ")[1])
        if status < 200:
            return self.answer()
        if headers.get("transfer-encoding") == "chunked":
            body, whole = self._chunks()
        elif "content-length" in headers:
            body, whole = self._exactly(int(headers["content-length"]))
        else:
            while self._more():
                pass
            body, whole, self._data = self._data, True, b""
        return Answer(status, headers, body, whole)

    def _more(self) -> bool:
        try:
            data = self._client.recv(1 << 20)
        except ConnectionError:
            return False
        self._data += data
        return bool(data)

    def _exactly(self, size: int) -> tuple[bytes, bool]:
        while len(self._data) < size:
            if not self._more():
                break
        body, self._data = self._data[:size], self._data[size:]
        return body, len(body) == size

    def _chunks(self) -> tuple[bytes, bool]:
        body = []
        while True:
            while b"\r\n" not in self._data:
                if not self._more():
                    return b"".join(body), False
            line, _, self._data = self._data.partition(b"\r\n")
            size = int(line, 16)
            piece, whole = self._exactly(size + 2)
            body.append(piece[:size])
            if not whole:
                return b"".join(body), False
            if size == 0:
                return b"".join(body), True


def hear(port: int, request: bytes, patience: float = 10.0) -> Answer | None:
    """Send one request on a connection of its own; what is answered."""
    with connect(port) as client:
        client.settimeout(patience)
        client.sendall(request)
        return Hearing(client).answer()


def heard(port: int, *pieces: bytes, pause: float = 0.0, patience: float = 1.0) -> list[Answer]:
    """All answers to these bytes, until the connection ends or nothing more comes for so long."""
    answers = []
    with connect(port) as client:
        client.settimeout(patience)
        for piece in pieces:
            try:
                client.sendall(piece)
            except ConnectionError:
                break  # refused meanwhile
            time.sleep(pause)
        hearing = Hearing(client)
        try:
            while (answer := hearing.answer()) is not None:
                answers.append(answer)
        except TimeoutError:
            pass
    return answers


# -- vanishing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a client comes before it leaves."""

    name: str
    go: Callable[[socket.socket, str], None]
    """Told a connection and a model."""
    asks: bool = True
    """The backend has been asked by then."""


def _head(client: socket.socket, model: str) -> None:
    client.sendall(post(chat(model, stream=True))[:40])


def _before_the_body(client: socket.socket, model: str) -> None:
    request = post(chat(model, stream=True))
    client.sendall(request[: request.index(b"\r\n\r\n") + 4])


def _in_the_body(client: socket.socket, model: str) -> None:
    client.sendall(post(chat(model, stream=True, text="word " * 20_000))[:-1000])


def _waiting(client: socket.socket, model: str) -> None:
    client.sendall(post(chat(model)))


def _waiting_for_a_stream(client: socket.socket, model: str) -> None:
    client.sendall(post(chat(model, stream=True)))


def _in_the_stream(client: socket.socket, model: str) -> None:
    client.sendall(post(chat(model, stream=True)))
    data = b""
    while data.count(b"data: ") < 3:
        piece = client.recv(65536)
        assert piece, data
        data += piece


STAGES = (
    Stage("silent since it came", lambda client, model: None, asks=False),
    Stage("in its head", _head, asks=False),
    Stage("before its body", _before_the_body, asks=False),
    Stage("in its body", _in_the_body, asks=False),
    Stage("waiting for an answer", _waiting),
    Stage("waiting for a stream", _waiting_for_a_stream),
    Stage("in the stream", _in_the_stream),
)

# -- lies about where a request ends ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lie:
    """Bytes that two programs might cut into requests in different ways. `refused`: with 400; else it may be answered,
    but never as more requests than one."""

    name: str
    sent: bytes
    refused: bool = True


HIDDEN = post(chat("good", text="smuggled"))
"""Must never reach a backend."""
BODY = chat("good", text="said openly")


def _with(*headers: bytes, body: bytes = BODY, line: bytes = b"POST /v1/chat/completions HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"host: localhost", b"content-type: application/json", *headers, b"", b""]) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LENGTH = b"content-length: %d" % len(BODY)
CHUNKED = b"transfer-encoding: chunked"
CHUNKS = _chunk(BODY) + b"0\r\n\r\n"
LIES = (
    Lie("both lengths", _with(LENGTH, CHUNKED, body=CHUNKS + HIDDEN)),
    Lie("both lengths, the other way round", _with(CHUNKED, LENGTH, body=CHUNKS + HIDDEN)),
    Lie(
        "two lengths that differ", _with(LENGTH, b"content-length: %d" % (len(BODY) + len(HIDDEN)), body=BODY + HIDDEN)
    ),
    Lie("two lengths in one line", _with(b"content-length: %d, %d" % (len(BODY), len(BODY)), body=BODY + HIDDEN)),
    Lie("the same length twice", _with(LENGTH, LENGTH)),
    Lie("a length with a sign", _with(b"content-length: +%d" % len(BODY), body=BODY + HIDDEN)),
    Lie("a negative length", _with(b"content-length: -1", body=HIDDEN)),
    Lie("a length in hex", _with(b"content-length: 0x%x" % len(BODY), body=BODY + HIDDEN)),
    Lie("a length of 2^64 and some", _with(b"content-length: %d" % (2**64 + len(BODY)), body=BODY + HIDDEN)),
    Lie("a length with a space in it", _with(b"content-length: 1 0", body=HIDDEN)),
    Lie("an empty length", _with(b"content-length:", body=BODY + HIDDEN)),
    Lie("a length of its own encoding", _with(b"transfer-encoding: xchunked", body=CHUNKS + HIDDEN)),
    Lie("chunked and then identity", _with(b"transfer-encoding: chunked, identity", body=CHUNKS + HIDDEN)),
    Lie("identity", _with(b"transfer-encoding: identity", body=BODY + HIDDEN)),
    Lie("chunked twice", _with(b"transfer-encoding: chunked, chunked", body=CHUNKS + HIDDEN), refused=False),
    Lie("two encodings in two lines", _with(CHUNKED, b"transfer-encoding: identity", body=CHUNKS + HIDDEN)),
    Lie("a space before the colon", _with(b"transfer-encoding : chunked", LENGTH, body=CHUNKS + HIDDEN)),
    Lie("a tab before the colon", _with(b"content-length\t: 5", body=BODY + HIDDEN)),
    Lie("an encoding behind a vertical tab", _with(b"transfer-encoding: \x0bchunked", body=CHUNKS + HIDDEN)),
    Lie("an encoding on a folded line", _with(b"transfer-encoding:\r\n chunked", LENGTH, body=CHUNKS + HIDDEN)),
    Lie("a length on a folded line", _with(b"content-length:\r\n 5", body=BODY + HIDDEN)),
    Lie("a folded header", _with(b"x-a: b\r\n " + LENGTH, body=HIDDEN), refused=False),
    Lie("a header hidden behind a bare LF", _with(b"x-a: b\ntransfer-encoding: chunked", body=CHUNKS + HIDDEN)),
    Lie("a header hidden behind a bare CR", _with(b"x-a: b\rtransfer-encoding: chunked", body=CHUNKS + HIDDEN)),
    Lie("a NUL in a header", _with(b"x-a: b\0", LENGTH)),
    Lie("a header without a name", _with(b": b", LENGTH)),
    Lie("lines that end with LF alone", _with(LENGTH).replace(b"\r\n", b"\n")),
    Lie("a head that ends with LF alone", _with(LENGTH, body=b"").replace(b"\r\n\r\n", b"\r\n\n") + BODY),
    Lie("a chunk size with a prefix", _with(CHUNKED, body=b"0x" + CHUNKS + HIDDEN)),
    Lie("a chunk size with a sign", _with(CHUNKED, body=b"+" + CHUNKS + HIDDEN)),
    Lie("a chunk size of 2^68", _with(CHUNKED, body=b"FFFFFFFFFFFFFFFFF\r\n" + HIDDEN)),
    Lie("a negative chunk size", _with(CHUNKED, body=b"-1\r\n" + HIDDEN)),
    Lie("a chunk size that ends with LF alone", _with(CHUNKED, body=CHUNKS.replace(b"\r\n", b"\n", 1) + HIDDEN)),
    Lie("a chunk that is longer than it says", _with(CHUNKED, body=b"5\r\n" + BODY + b"\r\n0\r\n\r\n" + HIDDEN)),
    Lie("a chunk extension", _with(CHUNKED, body=b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)), refused=False),
    Lie("an extension with a bare LF", _with(CHUNKED, body=b"%x;a\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) + HIDDEN)),
    Lie("an extension of 1 MB", _with(CHUNKED, body=b"%x;%b\r\n%b\r\n0\r\n\r\n" % (len(BODY), b"a" * 10**6, BODY))),
    Lie("a last chunk with words behind it", _with(CHUNKED, body=_chunk(BODY) + b"0\r\nabc" + HIDDEN)),
    Lie("another version of HTTP", _with(LENGTH, line=b"POST /v1/chat/completions HTTP/1.2")),
    Lie("HTTP 2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Lie("a TLS handshake", bytes.fromhex("16030100a5010000a10303") + bytes(160)),
    Lie("two spaces in the request line", _with(LENGTH, line=b"POST  /v1/chat/completions  HTTP/1.1"), refused=False),
    Lie("no path", _with(LENGTH, line=b"POST HTTP/1.1")),
    Lie(
        "another host in the path",
        _with(LENGTH, line=b"POST http://elsewhere.invalid/v1/x:y:z HTTP/1.1"),
        refused=False,
    ),
    Lie("a path that is a port too many", _with(LENGTH, line=b"POST http://h:99999999/v1/models HTTP/1.1")),
)
