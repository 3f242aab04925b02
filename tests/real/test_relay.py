"""What leaves is what came: requests at the upstream and bytes at the client, through the running proxy."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import captures
from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Request, Upstream, chat_chunks, respond, upstream

RULES = """
version: 1
backends:
  here:
    url: "{url}"
    model: served-model
    accepts: [text, image, audio, file]
    headers: {{x-own: "1"}}
    api_key: sk-upstream
routes:
  - {{name: all, to: here}}
"""


@pytest.fixture(scope="module")
def proxy(server: Upstream) -> Iterator[Signalbox]:
    with signalbox(RULES.format(url=server.url)) as running:
        yield running


def captured_chats() -> list[Path]:
    place = captures.folder()
    return sorted(place.glob("*/*-chat-completions.json")) if place is not None else []


@pytest.mark.parametrize(
    "file", captured_chats() or [None], ids=lambda file: f"{file.parent.name}/{file.name}" if file else "absent"
)
def test_every_recorded_chat_request_arrives_unchanged_but_for_the_model(
    file: Path | None, proxy: Signalbox, server: Upstream
) -> None:
    if file is None:
        captures.needed()
    assert file is not None
    recorded = json.loads(file.read_text())
    body: dict[str, Any] = recorded["body"]
    headers = {name: value for name, value in recorded["headers"] if name.lower() not in ("host", "content-length")}
    before = len(server.asked)
    status, _, _ = post(proxy, recorded["path"], json.dumps(body, ensure_ascii=False).encode(), **headers)
    assert status == 200
    assert len(server.asked) == before + 1
    arrived = server.asked[-1]
    wanted = {**body, "model": "served-model"}
    if body.get("stream"):
        wanted["stream_options"] = {**body.get("stream_options", {}), "include_usage": True}
    assert arrived.json == wanted
    assert arrived.headers["authorization"] == "Bearer sk-upstream"
    assert arrived.headers["x-own"] == "1"
    assert arrived.headers["user-agent"] == recorded["headers_map"]["user-agent"]


unknown = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.text(max_size=12).filter(lambda key: key not in ("model", "messages", "stream")), unknown, max_size=5
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_unknown_fields_of_any_shape_pass_through(
    proxy: Signalbox, server: Upstream, fields: dict[str, Any], ascii_only: bool
) -> None:
    body = {"model": "auto", **fields, "messages": [{"role": "user", "content": "hi"}]}
    status, _, answer = post(
        proxy, "/v1/chat/completions", json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    )
    if status == 400:  # not UTF-8 at all: half a surrogate pair written raw
        assert b"not JSON" in answer
        return
    assert status == 200
    assert json.loads(server.asked[-1].body) == {**body, "model": "served-model"}


def test_bytes_that_json_libraries_spell_differently_are_kept(proxy: Signalbox, server: Upstream) -> None:
    numbers = b'"temperature":1.0, "big":123456789012345678901234567890, "e":1e2'
    body = b'{ %b,\t"model" : "x", "messages":[{"role":"user","content":"\\u00e9\\ud83d"}] }' % numbers
    assert post(proxy, "/v1/chat/completions", body)[0] == 200
    assert server.asked[-1].body == body.replace(b'"x"', b'"served-model"')


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"cheap","mod\\u0065l":"dear","messages":[]}',
        b'{"model":"cheap","model":"dear","messages":[]}',
        b'{"messages":[],"metadata":{"model":"dear"},"model":"dear"}',
    ],
)
def test_no_spelling_of_a_body_gets_another_model_past_the_rules(
    body: bytes, proxy: Signalbox, server: Upstream
) -> None:
    assert post(proxy, "/v1/chat/completions", body)[0] == 200
    arrived = server.asked[-1]
    assert arrived.json["model"] == "served-model"
    pairs = json.loads(arrived.body, object_pairs_hook=lambda found: found)
    assert {value for key, value in pairs if key == "model"} == {"served-model"}


@pytest.mark.parametrize("asks", [True, False])
def test_streamed_bytes_arrive_identical_and_usage_only_where_asked(
    asks: bool, proxy: Signalbox, server: Upstream
) -> None:
    body: dict[str, Any] = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    if asks:
        body["stream_options"] = {"include_usage": True}
    status, headers, stream = post(proxy, "/v1/chat/completions", json.dumps(body).encode())
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert stream == b"".join(chat_chunks(server.pieces, usage=asks))
    assert server.asked[-1].json["stream_options"] == {"include_usage": True}


@pytest.mark.alone
def test_a_stream_paced_at_10_ms_shows_10_ms_gaps_and_no_wait_at_its_end(proxy: Signalbox, server: Upstream) -> None:
    server.pieces, server.pause = ["x"] * 40, 0.01
    try:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        body = json.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        times = []
        while line := answer.readline():
            if line.startswith(b"data:"):
                times.append(time.perf_counter())
        connection.close()
    finally:
        server.pieces, server.pause = ["hel", "lo"], 0.0
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) == 43
    # The pause before `[DONE]` is twice as long: the hidden usage event has its own.
    assert statistics.median(gaps) == pytest.approx(0.01, abs=0.004)
    assert sum(gap < 0.004 for gap in gaps) <= len(gaps) // 10


LITELLM = """
version: 1
backends:
  cloud: {{kind: litellm, model: openai/m, api_base: "{url}", api_key: sk-upstream}}
routes:
  - {{name: all, to: cloud}}
"""


@pytest.mark.alone
@pytest.mark.parametrize("rules", [RULES, LITELLM], ids=["http", "litellm"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_closes_the_upstream_connection_within_100_ms(rules: str, stream: bool) -> None:
    seen: list[Request] = []

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            respond(writer, 404, {})
            return
        seen.append(request)
        if stream:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for event in chat_chunks(["a"])[:2]:
                writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await asyncio.sleep(10)

    with upstream(play) as server, signalbox(rules.format(url=server.url)) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        body = json.dumps({"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        answer = None
        if stream:
            answer = connection.getresponse()
            answer.readline()
        until = time.monotonic() + 10
        while not seen and time.monotonic() < until:
            time.sleep(0.005)
        left = time.perf_counter()
        if answer is not None:
            answer.close()
        connection.close()
        assert seen[0].closed.wait(2)
        assert seen[0].closed_at - left < 0.1


@pytest.mark.alone
def test_an_upload_streams_through_with_its_model_replaced_and_little_memory(
    proxy: Signalbox, server: Upstream
) -> None:
    audio = os.urandom(1024) * 1024 * 40
    for first in (True, False):
        model = b'--XX\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        file = b'--XX\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + audio + b"\r\n"
        body = (model + file if first else file + model) + b"--XX--\r\n"
        before = memory(proxy.process.pid)
        status, headers, _ = post(
            proxy, "/v1/audio/transcriptions", body, **{"content-type": "multipart/form-data; boundary=XX"}
        )
        assert status == 200
        assert headers["x-signalbox-model"] == "served-model"
        assert server.asked[-1].body == body.replace(b"whisper-1", b"served-model")
        assert memory(proxy.process.pid) - before < 20_000


def memory(pid: int) -> int:
    """Peak resident memory in kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def test_many_clients_at_once_each_get_their_own_answer(proxy: Signalbox, server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            respond(writer, 404, {})
        else:
            await asyncio.sleep(0.001 * (len(request.body) % 7))
            respond(writer, 200, {"echo": request.json["messages"][0]["content"]})

    server.play = play
    wrong: list[str] = []

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        for turn in range(25):
            text = f"{number}/{turn}" + "x" * (turn * 31 % 97)
            body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            if json.loads(connection.getresponse().read())["echo"] != text:
                wrong.append(text)
        connection.close()

    try:
        threads = [threading.Thread(target=client, args=(number,)) for number in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        server.play = server.answer
    assert not wrong


OLD_IMAGES = """
version: 1
backends:
  here: {{url: "{url}", model: m}}
routes:
  - {{name: all, to: here, old_images: drop, set: {{temperature: 0.2, top_p: null}}}}
"""


def test_a_route_sets_what_it_says_and_lets_a_text_model_take_over_after_a_screenshot(server: Upstream) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    old = [
        {"role": "user", "content": [image, {"type": "text", "text": "look"}]},
        {"role": "assistant", "content": "ok"},
    ]
    turn = {"role": "user", "content": "thanks"}
    with signalbox(OLD_IMAGES.format(url=server.url)) as proxy:
        asked = {"model": "auto", "temperature": 1, "messages": [*old, turn]}
        assert post(proxy, "/v1/chat/completions", json.dumps(asked).encode())[0] == 200
        arrived = server.asked[-1].json
        assert (arrived["temperature"], arrived["top_p"]) == (0.2, None)
        assert arrived["messages"][0]["content"] == [
            {"type": "text", "text": "[an image was here]"},
            old[0]["content"][1],
        ]
        assert arrived["messages"][1:] == [old[1], turn]
        status, _, answer = post(proxy, "/v1/chat/completions", json.dumps({"messages": old[:1]}).encode())
        assert status == 400
        assert "image" in json.loads(answer)["error"]["message"]
