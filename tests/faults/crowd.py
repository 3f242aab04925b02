"""Many clients in one event loop."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.clients import Answer

__all__ = ["Client", "ask", "leave"]


@dataclass(slots=True)
class Client:
    """One connection, and what it hears."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    first: float = 0.0
    """When the first piece of the last answer's body was here, by perf_counter."""

    @staticmethod
    async def open(port: int, receive: int = 0) -> Client:
        """`receive`: bytes of its receive buffer, 0 as the system has it."""
        if not receive:
            return Client(*await asyncio.open_connection("127.0.0.1", port))
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        return Client(*await asyncio.open_connection(sock=raw, limit=receive))

    async def ask(self, request: bytes, piece: Callable[[], None] | None = None) -> Answer | None:
        """Send, and hear the answer; `piece` is called with each chunk of it."""
        self.first = 0.0
        self.writer.write(request)
        return await self.hear(piece)

    async def hear(self, piece: Callable[[], None] | None = None) -> Answer | None:
        """The next answer; None when the connection ends before there is one."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
        status, body, whole = int(line.split(" ")[1]), bytearray(), True
        if status < 200:
            return await self.hear(piece)
        try:
            if headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                    self.first = self.first or time.perf_counter()
                    if piece is not None:
                        piece()
                await self.reader.readuntil(b"\r\n")
            else:
                body += await self.reader.readexactly(int(headers.get("content-length", 0)))
                self.first = time.perf_counter()
        except (asyncio.IncompleteReadError, ConnectionError):
            whole = False
        return Answer(status, headers, bytes(body), whole)

    def close(self, abruptly: bool = False) -> None:
        """FIN, or RST."""
        leave(self.writer, abruptly)


def leave(writer: asyncio.StreamWriter, abruptly: bool) -> None:
    """Close with FIN, or with RST."""
    if abruptly:
        raw = writer.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def ask(port: int, request: bytes) -> Answer | None:
    """On a connection of its own."""
    client = await Client.open(port)
    try:
        return await client.ask(request)
    finally:
        client.close()
