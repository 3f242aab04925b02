"""Clients of a running proxy in a process of their own: `python -m bench.clients`, told on its input what to ask.

Each asks as soon as it has its answer. A process of its own, so that what is measured waits for no interpreter lock of
the bench; several clients share one thread, which waits for whichever answer comes first.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

__all__ = ["Heard", "clients", "get", "post"]

READ = 1 << 16


@dataclass(slots=True)
class Heard:
    """What the clients heard; complete when the block of `clients` has ended. Times in milliseconds."""

    wholes: list[float] = field(default_factory=list)
    """From a request sent to its answer's last byte."""
    firsts: list[float] = field(default_factory=list)
    """To the first byte of its body."""
    seconds: float = 0.0
    wrong: str = ""
    """Of the first answer that was not as it must be."""

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.wholes) / self.seconds if self.seconds else 0.0

    def whole(self, percent: int) -> float:
        """A percentile of the whole answers' times."""
        return percentile(self.wholes, percent)


def percentile(values: list[float], percent: int) -> float:
    """1 to 99, or 100 for the largest; 0 of nothing."""
    if percent == 100 or len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def post(text: str, *, model: str = "auto", stream: bool = False, **fields: object) -> str:
    """The bytes of a chat completion, as text."""
    said = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], **fields}
    body = json.dumps(said)
    head = f"host: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n\r\n{body}"


def get(path: str) -> str:
    """The bytes of a GET, as text."""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"


@contextmanager
def clients(port: int, requests: list[str], *, count: int = 1, pause: float = 0.0, holds: str = "") -> Iterator[Heard]:
    """`count` of them for the length of a block, which begins when each has had the first bytes of an answer.

    `pause`: seconds between an answer and the next request. `holds`: what every whole answer must hold.
    """
    command = [sys.executable, "-m", "bench.clients"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    told = {"port": port, "requests": requests, "count": count, "pause": pause, "holds": holds}
    heard = Heard()
    try:
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        process.stdout.readline()
        yield heard
    finally:
        process.stdin.close()
        answer = process.stdout.read()
        process.wait()
    for name, value in json.loads(answer).items():
        setattr(heard, name, value)


class Client:
    """One connection, and how far its answer is."""

    def __init__(self, port: int, number: int):
        self.number = number
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked_at = self.first = 0.0
        self.due: float | None = 0.0
        """When it asks again; None while it waits."""
        self._data = b""
        self._body = self._length = 0

    def ask(self, requests: list[str]) -> None:
        """Send the next request."""
        self._data, self._body, self.due, self.first = b"", 0, None, 0.0
        self.number += 1
        self.asked_at = perf_counter()
        self.socket.sendall(requests[self.number % len(requests)].encode())

    def hear(self) -> str | None:
        """Take what has come: the whole answer as text, None while it is not whole. Raises ConnectionError."""
        data = self.socket.recv(READ)
        if not data:
            raise ConnectionError("the connection was closed")
        self._data += data
        if not self._body and (end := self._data.find(b"\r\n\r\n")) >= 0:
            self._body = end + 4
            head = self._data[:end].decode("latin-1").lower()
            _, chunked, _ = head.partition("transfer-encoding: chunked")
            self._length = -1 if chunked else int(head.partition("content-length:")[2].split("\r\n")[0])
        if not self._body or len(self._data) == self._body:
            return None
        self.first = self.first or perf_counter()
        whole = self._data.endswith(b"0\r\n\r\n") if self._length < 0 else len(self._data) == self._body + self._length
        return self._data.decode() if whole else None


def _ask_and_hear(port: int, requests: list[str], count: int, pause: float, holds: str) -> Heard:
    """Until the input ends."""
    heard = Heard()
    chosen = selectors.DefaultSelector()
    chosen.register(sys.stdin, selectors.EVENT_READ)
    everyone = [Client(port, number * len(requests) // count) for number in range(count)]
    for client in everyone:
        chosen.register(client.socket, selectors.EVENT_READ, client)
    silent, begin = set(everyone), perf_counter()
    while True:
        now = perf_counter()
        for client in everyone:
            if client.due is not None and client.due <= now:
                client.ask(requests)
        due = min((client.due for client in everyone if client.due is not None), default=None)
        for key, _ in chosen.select(None if due is None else max(0.0, due - perf_counter())):
            if key.data is None:
                heard.seconds = perf_counter() - begin
                return heard
            client = key.data
            answer = client.hear()
            now = perf_counter()
            if client.first and client in silent:
                silent.discard(client)
                if not silent:
                    print("all are answered", flush=True)
                    begin, heard.wholes, heard.firsts = now, [], []
            if answer is None:
                continue
            heard.wholes.append(1e3 * (now - client.asked_at))
            heard.firsts.append(1e3 * (client.first - client.asked_at))
            if not heard.wrong and (not answer.startswith("HTTP/1.1 200") or holds not in answer):
                heard.wrong = answer
            client.due = now + pause


def main() -> None:
    """Serve one load."""
    heard = _ask_and_hear(**json.loads(sys.stdin.readline()))
    named = {name: getattr(heard, name) for name in ("wholes", "firsts", "seconds", "wrong")}
    print(json.dumps(named), flush=True)


if __name__ == "__main__":
    main()
