"""A proxy before two servers that do as they are told, for the tests of attempts."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.signalbox import Signalbox, signalbox
from tests.upstream import Request, Upstream, chat_chunks, respond, upstream

__all__ = [
    *("CHAT", "DONE", "HE", "LLO", "ROLE", "STOP", "answers", "body", "halves"),
    *("metric", "plays", "raw_stream", "serving"),
]

CHAT = "/v1/chat/completions"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ROLE, HE, LLO, STOP, DONE = chat_chunks(["he", "llo"])

RULES = """
version: 1
backends:
  first:
    url: "{first}"
    model: one
    context: 4000
    timeouts: {{first_content: 400ms}}
    price: {{input: 1000000, output: 1000000}}
    circuit: false
  second: {{url: "{second}", model: two, context: 8000, circuit: false}}
  narrow: {{url: "{second}", model: two, parallel: 1, circuit: false}}
routes:
  - {{name: queued, when: {{model: queued}}, to: narrow, keep_alive: 100ms}}
  - {{name: again, when: {{model: again}}, to: first, retries: 2}}
  - {{name: hurry, when: {{model: hurry}}, to: [first, second], timeout: 500ms}}
  - {{name: hedged, when: {{model: hedged}}, to: [first, second], hedge: 100ms}}
  - {{name: downhill, when: {{model: downhill}}, to: [second, first]}}
  - {{name: picky, when: {{model: picky}}, to: [first, second], accept: [not_empty, json, tools, code]}}
  - {{name: kept, when: {{model: kept}}, to: [first, second], accept: json, cache: 1h}}
  - {{name: patient, when: {{model: patient}}, to: second, keep_alive: 100ms}}
  - {{name: told, when: {{model: told}}, to: second, keep_alive: 100ms, on_broken_stream: error}}
  - {{name: rest, to: [first, second]}}
"""


def body(model: str = "auto", **fields: object) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def halves(model: str) -> bytes:
    """A stream whose pieces pass as they come: the client itself asks for the usage, so that nothing is taken out."""
    return body(model, stream=True, stream_options={"include_usage": True})


@contextmanager
def serving(rules: str = RULES) -> Iterator[tuple[Signalbox, Upstream, Upstream]]:
    with (
        upstream() as first,
        upstream() as second,
        signalbox(rules.format(first=first.url, second=second.url)) as running,
    ):
        yield running, first, second


def plays(server: Upstream, *steps: bytes | float | str, head: bytes = HEAD, then_end: bool = True) -> None:
    """Answer with pieces of a stream, with seconds of waiting between them, "reset" to break it off."""

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            respond(writer, 404, {})
            return
        writer.write(head)
        for step in steps:
            if isinstance(step, bytes):
                writer.write(b"%x\r\n%b\r\n" % (len(step), step))
                await writer.drain()
            elif isinstance(step, str):
                await asyncio.sleep(0.02)
                writer.transport.abort()
                return
            else:
                await asyncio.sleep(step)
        if then_end:
            writer.write(b"0\r\n\r\n")

    server.play = play


def answers(
    server: Upstream, answer: dict[str, Any] | bytes, status: int = 200, head: bytes = b"", times: int = 10**6
) -> None:
    """Answer whole, so many times; after that as usual."""
    left = [times]

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET" or left[0] == 0:
            await server.answer(request, writer)
            return
        left[0] -= 1
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = b"" if b"content-type" in head else b"content-type: application/json\r\n"
        writer.write(b"HTTP/1.1 %d X\r\n%b%bcontent-length: %d\r\n\r\n%b" % (status, kind, head, len(data), data))

    server.play = play


def raw_stream(proxy: Signalbox, data: bytes) -> tuple[int, bytes, bool]:
    """Status, all bytes of the body, and whether it ended properly."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("POST", CHAT, data, {"content-type": "application/json"})
    answer = connection.getresponse()
    try:
        return answer.status, answer.read(), True
    except http.client.IncompleteRead as error:
        return answer.status, error.partial, False
    finally:
        connection.close()


def metric(proxy: Signalbox, line: str) -> float:
    found = [row for row in proxy.get("/metrics")[1].splitlines() if row.startswith(line + " ")]
    return float(found[0].split()[-1]) if found else 0.0
