"""Who answers when a backend does not, and what the client is told when nobody does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from tests.real.attempted import CHAT, body
from tests.signalbox import Signalbox, free_port, post, signalbox
from tests.upstream import Request, Upstream, chat_chunks, respond

RULES = """
version: 1
backends:
  first: {{url: "{first}", model: one, context: 4000}}
  second: {{url: "{second}", model: two, context: 8000}}
  nobody: {{url: "http://127.0.0.1:{nobody}/v1"}}
routes:
  - {{name: alone, when: {{model: alone}}, to: first}}
  - {{name: dead, when: {{model: dead}}, to: [nobody]}}
  - {{name: dead first, when: {{model: dead-first}}, to: [nobody, second]}}
  - {{name: rest, to: [first, second]}}
"""


@pytest.fixture
def proxy(first: Upstream, second: Upstream) -> Iterator[Signalbox]:
    with signalbox(RULES.format(first=first.url, second=second.url, nobody=free_port())) as running:
        yield running


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_a_status_that_speaks_of_the_server_moves_on(
    status: int, proxy: Signalbox, first: Upstream, second: Upstream
) -> None:
    first.status = status
    code, headers, answer = post(proxy, CHAT, body())
    assert code == 200
    assert (headers["x-signalbox-backend"], headers["x-signalbox-attempts"]) == ("second", "2")
    assert second.asked[-1].json["model"] == "two"
    assert json.loads(answer)["object"] == "chat.completion"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_status_that_speaks_of_the_request_is_the_clients_to_see(
    status: int, proxy: Signalbox, first: Upstream, second: Upstream
) -> None:
    first.status = status
    code, headers, answer = post(proxy, CHAT, body())
    assert code == status
    assert json.loads(answer)["error"]["message"] == f"scripted {status}"
    assert headers["x-signalbox-backend"] == "first"
    assert second.asked == []


def test_the_last_candidates_own_error_is_shown(proxy: Signalbox, first: Upstream) -> None:
    first.status = 429
    code, _, answer = post(proxy, CHAT, body("alone"))
    assert code == 429
    assert json.loads(answer)["error"]["message"] == "scripted 429"


def test_nobody_there_moves_on_and_is_told_when_there_is_no_other(proxy: Signalbox) -> None:
    code, headers, _ = post(proxy, CHAT, body("dead-first"))
    assert (code, headers["x-signalbox-backend"]) == (200, "second")
    code, headers, answer = post(proxy, CHAT, body("dead"))
    assert code == 503
    assert int(headers["retry-after"]) >= 1
    assert "nobody: cannot connect to" in json.loads(answer)["error"]["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_break_before_the_first_byte_moves_on_unseen(stream: bool, proxy: Signalbox, first: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            respond(writer, 404, {})
        elif stream:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            writer.close()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
            writer.close()

    first.play = play
    code, headers, answer = post(proxy, CHAT, body(stream=stream))
    assert (code, headers["x-signalbox-backend"]) == (200, "second")
    assert b"hel" in answer


def test_a_break_after_the_first_content_cuts_the_stream_and_repeats_nothing(
    proxy: Signalbox, first: Upstream, second: Upstream
) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            respond(writer, 404, {})
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in chat_chunks(["a", "b"])[:2]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    first.play = play
    with pytest.raises(Exception, match="IncompleteRead"):
        post(proxy, CHAT, body(stream=True))
    assert second.asked == []
    assert (
        'signalbox_streams_broken_total{backend="first",content="after",route="rest"} 1.0' in proxy.get("/metrics")[1]
    )


def test_no_candidate_is_a_400_that_names_each_and_why(proxy: Signalbox) -> None:
    code, _, answer = post(proxy, CHAT, body(messages=[{"role": "user", "content": "word " * 30_000}]))
    error = json.loads(answer)["error"]
    assert (code, error["code"]) == (400, "context_length_exceeded")
    assert "first:" in error["message"]
    assert "second:" in error["message"]
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
    code, _, answer = post(proxy, CHAT, body(messages=[{"role": "user", "content": image}]))
    assert code == 400
    assert "image" in json.loads(answer)["error"]["message"]


def test_a_backend_that_comes_back_is_used_again(proxy: Signalbox, first: Upstream) -> None:
    first.stop()
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second"
    first.start()
    for _ in range(60):
        if post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "first":
            return
        time.sleep(0.1)
    raise AssertionError("it was not asked again within six seconds")
