"""A backend that fails as it is told, on real sockets: each fault has a port of its own.

`Backend` runs in a thread of the test; `backend_process` in a process of its own, for loads. What each fault does is in
`tests/faults/faults.py`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Asked", "Backend", "Connection", "Fault", "Port", "Process", "backend_process", "json_answer"]

READ_LIMIT = 64 * 1024
MOST_ASKED = 1000
"""Requests remembered; of all of them only the number is."""


@dataclass
class Asked:
    """One request as it reached a port."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The first of this name, lower case; empty when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection, spoken to in raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: Port):
        self.reader = reader
        self.writer = writer
        self.port = port
        self.asked: Asked | None = None

    async def request(self) -> Asked | None:
        """The next request; None when the peer has closed."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        pairs = [text.partition(":") for text in lines]
        asked = Asked(method, target, [(name.lower(), value.strip()) for name, _, value in pairs], b"")
        if self.port.fault.whole_request or method == "GET":
            asked.body = await self._body(asked)
        if method != "GET":
            self.port.asked.append(asked)
            self.port.questions += 1
        return asked

    async def _body(self, asked: Asked) -> bytes:
        if asked.header("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(asked.header("content-length") or 0))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return body

    async def say(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send each piece by itself, `pause` seconds after the one before it."""
        for piece in pieces:
            if pause:
                await asyncio.sleep(pause)
            self.writer.write(piece)
            await self.writer.drain()
            self.port.sent += len(piece)

    def close(self) -> None:
        """As a server that ends: FIN."""
        self.writer.close()

    def reset(self) -> None:
        """As a server that dies: RST, and what was not yet read by the peer may be lost."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def stay(self) -> None:
        """Say nothing more until the peer closes."""
        with suppress(ConnectionError):
            while await self.reader.read(READ_LIMIT):
                pass
        self.port.left.append(time.perf_counter())


@dataclass(frozen=True)
class Fault:
    """`play` is called with each request but the questions that the proxy itself asks (GET), which are answered well;
    with `at_once`, with each connection before anything was read of it."""

    name: str
    play: Callable[[Connection], Awaitable[None]] | None
    at_once: bool = False
    tls: bool = False
    """The rules say https; a fault with a certificate speaks it, too."""
    certified: bool = False
    whole_request: bool = True
    """The body of a request is read before the play begins."""
    receive: int = 0
    """Bytes of the socket's receive buffer; 0: as the system has it."""
    clients: bool = True
    """A client can ask for what this does; False: it is for tests of their own."""


@dataclass
class Port:
    """One fault's."""

    fault: Fault
    number: int = 0
    asked: deque[Asked] = field(default_factory=lambda: deque(maxlen=MOST_ASKED))
    questions: int = 0
    """Requests of clients."""
    accepted: int = 0
    open: int = 0
    sent: int = 0
    """Bytes that the peer's kernel, or ours, has taken."""
    left: list[float] = field(default_factory=list)
    """When peers have closed what was kept silent for them, by perf_counter."""
    server: asyncio.Server | None = None
    bound: socket.socket | None = None

    @property
    def url(self) -> str:
        """For the rules."""
        return f"https://localhost:{self.number}/v1" if self.fault.tls else f"http://127.0.0.1:{self.number}/v1"


class Backend:
    """Its ports, in an event loop of its own."""

    def __init__(self, certificate: str = ""):
        self._certificate = certificate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backend", daemon=True)
        self._thread.start()
        self._ports: list[Port] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def port(self, fault: Fault, number: int = 0) -> Port:
        """A new port that does this."""
        port = Port(fault, number)
        self._ports.append(port)
        self.open(port)
        return port

    def open(self, port: Port) -> None:
        """Listen; on the same port as before where it has been closed."""
        asyncio.run_coroutine_threadsafe(self._open(port), self._loop).result(5)

    def shut(self, port: Port) -> None:
        """As a process that is killed: nobody listens, and every connection is reset."""
        asyncio.run_coroutine_threadsafe(self._shut(port), self._loop).result(5)

    def end(self) -> None:
        for port in self._ports:
            self.shut(port)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _open(self, port: Port) -> None:
        fault = port.fault
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if fault.receive:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, fault.receive)
        bound.bind(("127.0.0.1", port.number))
        port.number = bound.getsockname()[1]
        if fault.play is None:  # bound and not listened on: the port is nobody else's, and refuses
            port.bound = bound
            return
        context = None
        if fault.certified:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await _converse(Connection(reader, writer, port))

        port.server = await asyncio.start_server(connected, sock=bound, ssl=context, limit=READ_LIMIT, backlog=4096)

    async def _shut(self, port: Port) -> None:
        if port.bound is not None:
            port.bound.close()
        if port.server is not None:
            port.server.close()
            port.server = None
            for task in [task for task in self._tasks if task.get_name() == str(port.number)]:
                task.cancel()


async def _converse(connection: Connection) -> None:
    port = connection.port
    task = asyncio.current_task()
    assert task is not None and port.fault.play is not None
    task.set_name(str(port.number))
    port.accepted += 1
    port.open += 1
    try:
        if port.fault.at_once:
            await port.fault.play(connection)
            return
        while (asked := await connection.request()) is not None:
            connection.asked = asked
            if asked.method == "GET":
                await _introduce(connection, asked)
            else:
                await port.fault.play(connection)
            if connection.writer.is_closing() or asked.header("connection") == "close":
                return
    except asyncio.CancelledError:
        connection.reset()
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        pass
    finally:
        port.open -= 1
        connection.close()


async def _introduce(connection: Connection, asked: Asked) -> None:
    """What the proxy asks each server by itself."""
    if asked.target.endswith("/models"):
        await connection.say(json_answer(200, {"object": "list", "data": [{"id": "m", "object": "model"}]}))
    else:
        await connection.say(json_answer(404, {"error": {"message": "nothing here"}}))


def json_answer(status: int, answer: Any, headers: str = "") -> bytes:
    """A whole answer."""
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass
class Process:
    """A backend in a process of its own."""

    ports: dict[str, str]
    """The URL of each fault."""
    process: subprocess.Popen[str]

    def seen(self) -> dict[str, dict[str, int]]:
        """Of each fault: connections accepted, those open now, requests of clients, bytes sent."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("seen\n")
        self.process.stdin.flush()
        told: dict[str, dict[str, int]] = json.loads(self.process.stdout.readline())
        return told


@contextmanager
def backend_process(*faults: str) -> Iterator[Process]:
    """Started with these faults, and ended; `name:4711` takes this very port."""
    command = [sys.executable, "-m", "tests.faults.backend", *faults]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield Process(json.loads(process.stdout.readline()), process)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def main() -> None:
    """Tell the URLs, then answer each line of the input with what was seen; ends with the input."""
    from tests.faults.faults import FAULTS

    backend = Backend()
    wanted = [argument.partition(":") for argument in sys.argv[1:]]
    ports = {name: backend.port(FAULTS[name], int(number or 0)) for name, _, number in wanted}
    print(json.dumps({name: port.url for name, port in ports.items()}), flush=True)
    for _ in sys.stdin:
        seen = {
            name: {"accepted": port.accepted, "open": port.open, "asked": port.questions, "sent": port.sent}
            for name, port in ports.items()
        }
        print(json.dumps(seen), flush=True)
    backend.end()


if __name__ == "__main__":
    main()
