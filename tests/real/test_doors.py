"""The doors as clients find them: every path, every error shape, keys, models, pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signalbox import Signalbox, ask, post, signalbox
from tests.upstream import Upstream

RULES = """
version: 1
strict_models: true
backends:
  here: {{url: "{url}", model: m, dialects: [responses, messages], context: 8192, accepts: [text, image]}}
aliases: {{gpt-4o: auto, fast: here}}
routes:
  - {{name: embeddings, when: {{task: embed}}, to: here}}
  - {{name: all, to: here}}
"""
KEY = {"authorization": "Bearer sk-me"}


@pytest.fixture(scope="module")
def proxy(server: Upstream) -> Iterator[Signalbox]:
    settings = {
        "SIGNALBOX_KEYS": "me:sk-me,you:sk-you",
        "SIGNALBOX_BODY_LIMIT": "200000",
        "SIGNALBOX_CORS_ORIGINS": "https://app.example",
    }
    with signalbox(RULES.format(url=server.url), **settings) as running:
        yield running


def call(
    proxy: Signalbox, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    return ask(proxy, method, path, body, {**KEY, **headers})


BODIES: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "completions": {"prompt": "def add(a, b):", "suffix": "    return total"},
    "embeddings": {"input": "hi"},
    "rerank": {"query": "a", "documents": ["b", "c"]},
    "audio/speech": {"input": "hi", "voice": "alloy"},
    "images/generations": {"prompt": "a signal box"},
    "moderations": {"input": "hi"},
    "responses": {"input": "hi"},
    "messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 10},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("prefix", ["/v1/", "/", "/v1/v1/"])
def test_each_door_opens_under_each_prefix(prefix: str, path: str, proxy: Signalbox, server: Upstream) -> None:
    status, headers, _ = call(proxy, "POST", prefix + path, json.dumps({"model": "auto", **BODIES[path]}).encode())
    assert (status, headers["x-signalbox-backend"]) == (200, "here")
    assert server.asked[-1].target == f"/v1/{path}"
    assert server.asked[-1].json == {"model": "m", **BODIES[path]}


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_any_other_path_under_v1_is_relayed_with_its_method_and_query(
    method: str, proxy: Signalbox, server: Upstream
) -> None:
    call(proxy, method, "/v1/files/file-1?purpose=x", b"{}" if method == "POST" else b"")
    arrived = [request for request in server.requests if "files" in request.target][-1]
    assert (arrived.method, arrived.target) == (method, "/v1/files/file-1?purpose=x")


def test_models_are_listed_with_context_and_what_they_accept(proxy: Signalbox) -> None:
    for path in ("/v1/models", "/models"):
        status, _, answer = call(proxy, "GET", path)
        models = {entry["id"]: entry for entry in json.loads(answer)["data"]}
        assert status == 200
        assert set(models) == {"auto", "here", "gpt-4o", "fast"}
        assert models["fast"]["context_length"] == 8192
        assert models["here"]["input_modalities"] == ["text", "image"]
        assert all(entry["object"] == "model" for entry in models.values())
    assert json.loads(call(proxy, "GET", "/v1/models/here")[2])["id"] == "here"
    status, _, answer = call(proxy, "GET", "/v1/models/nothing")
    assert (status, json.loads(answer)["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", b"{not json", 400),
        ("/v1/chat/completions", b"", 400),
        ("/v1/chat/completions", b"[1, 2]", 400),
        ("/v1/chat/completions", b'"text"', 400),
        ("/v1/chat/completions", b"\xff\xfe\x00", 400),
        ("/v1/chat/completions", b"[" * 100_000, 400),
        ("/v1/chat/completions", b'{"a":' * 30_000 + b"1" + b"}" * 30_000, 400),
        ("/v1/chat/completions", b'{"messages": "hi"}', 400),
        ("/v1/chat/completions", b'{"model": 7, "messages": []}', 400),
        ("/v1/chat/completions", b'{"stream": "yes", "messages": []}', 400),
        ("/v1/chat/completions", b'{"model": "nothing", "messages": []}', 404),
        ("/v1/chat/completions", b'{"model": "auto", "messages": [], "pad": "' + b"x" * 200_000 + b'"}', 413),
        ("/nowhere", b"{}", 404),
        ("/health", b"{}", 405),
        ("/v1/messages", b"{", 400),
    ],
)
def test_bad_input_gets_an_error_in_the_dialects_shape(path: str, body: bytes, status: int, proxy: Signalbox) -> None:
    code, headers, answer = call(proxy, "POST", path, body, **{"content-type": "application/json"})
    assert code == status
    assert headers["content-type"] == "application/json"
    error = json.loads(answer)
    if path == "/v1/messages":
        assert error["type"] == "error"
    assert error["error"]["message"]
    assert error["error"]["type"]
    assert call(proxy, "POST", "/v1/chat/completions", b'{"messages": []}')[0] == 200


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "max_tokens",
        "input",
        "prompt",
        "system",
        "response_format",
    ]
)


@given(st.dictionaries(fields, anything, max_size=6), st.sampled_from(sorted(BODIES)))
@settings(max_examples=150, deadline=None)
def test_wrong_types_anywhere_never_make_a_500(proxy: Signalbox, body: dict[str, Any], path: str) -> None:
    status, _, answer = call(proxy, "POST", f"/v1/{path}", json.dumps(body).encode())
    assert status in (200, 400, 404), answer


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}])
def test_without_a_valid_key_nobody_gets_in(headers: dict[str, str], proxy: Signalbox) -> None:
    for path in ("/v1/chat/completions", "/api/explain"):
        status, _, answer = post(proxy, path, b'{"messages": [], "body": {}}', **headers)
        assert status == 401
        assert json.loads(answer)["error"]["message"]
        assert b"sk-" not in answer


def test_both_headers_carry_a_key_and_no_client_key_reaches_the_upstream(proxy: Signalbox, server: Upstream) -> None:
    for headers in (KEY, {"x-api-key": "sk-you"}):
        assert post(proxy, "/v1/chat/completions", b'{"messages": []}', **headers)[0] == 200
        assert "sk-" not in str(server.asked[-1].headers)


def test_a_web_page_may_call_only_where_it_is_allowed_to(proxy: Signalbox) -> None:
    preflight = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    status, headers, _ = call(proxy, "OPTIONS", "/v1/chat/completions", **preflight)
    assert (status, headers["access-control-allow-origin"]) == (200, "https://app.example")
    _, headers, _ = call(proxy, "POST", "/v1/chat/completions", b'{"messages": []}', origin="https://app.example")
    assert headers["access-control-allow-origin"] == "https://app.example"
    _, headers, _ = call(proxy, "POST", "/v1/chat/completions", b'{"messages": []}', origin="https://evil.example")
    assert "access-control-allow-origin" not in headers


def test_pages_for_people(proxy: Signalbox) -> None:
    assert proxy.get("/health") == (200, "ok")
    status, answer = proxy.get("/ready")
    assert (status, json.loads(answer)["config_valid"]) == (200, True)
    assert proxy.get("/docs")[0] == 401
    status, _, answer = call(proxy, "GET", "/docs")
    page = answer.decode()
    assert status == 200
    assert "/api/explain" in page
    assert not re.search(r"(?:src|href)=.?https?:", page), "a page that needs the network shows nothing offline"
    assert {"/health", "/ready", "/metrics", "/api/explain"} <= set(
        json.loads(call(proxy, "GET", "/openapi.json")[2])["paths"]
    )


def test_explain_over_http_decides_without_sending(proxy: Signalbox, server: Upstream) -> None:
    before = len(server.asked)
    question = {
        "path": "/v1/embeddings",
        "headers": {"user-agent": "opencode/1.0"},
        "body": {"model": "auto", "input": "x"},
    }
    status, _, answer = call(
        proxy, "POST", "/api/explain", json.dumps(question).encode(), **{"content-type": "application/json"}
    )
    told = json.loads(answer)
    assert status == 200
    assert (told["route"], told["backend"]) == ("embeddings", "here")
    assert set(told) == {"route", "backend", "candidates", "choice", "cache", "attempts", "rules", "signals"}
    assert told["signals"]["task"] == "embed"
    assert len(server.asked) == before
    assert call(proxy, "POST", "/api/explain", b"{", **{"content-type": "application/json"})[0] == 400


HOSTILE = {
    "nesting": b'{"model": "auto", "stream_options": %b, "stream": true, "messages": []}'
    % (b'{"a":' * 400 + b"1" + b"}" * 400),
    "half a pair": b'{"model": "auto", "messages": [{"role": "user", "content": "\\ud83d"}]}',
    "half a pair in the model": b'{"model": "here", "user": "\\ud83d", "messages": []}',
    "line ends in the model": b'{"model": "gpt-4o", "messages": [], "x": "a\\r\\nb: c"}',
    "big numbers": b'{"max_tokens": %b, "temperature": 1e400, "messages": []}' % (b"9" * 400),
    "members that are none": b'{"messages": [null, 3, "x", [], {"role": 7, "content": {"a": 1}}]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_relayed_or_refused_and_can_be_explained(name: str, proxy: Signalbox) -> None:
    status, _, answer = call(proxy, "POST", "/v1/chat/completions", HOSTILE[name])
    assert status in (200, 400), answer
    question = b'{"body": %b}' % HOSTILE[name]
    status, _, answer = call(proxy, "POST", "/api/explain", question, **{"content-type": "application/json"})
    assert status in (200, 400), answer
    assert b"Traceback" not in answer


FIELD = b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\n%b\r\n--x--'


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"--x--", 400),
        ("text/plain", b"hello", 400),
        ("multipart/form-data; boundary=x", b"", 200),
        ("multipart/form-data; boundary=x", b"--x\r\na: " + b"b" * 200_000 + b"\r\n\r\nv\r\n--x--\r\n", 400),
        ("multipart/form-data; boundary=x", FIELD % b"here", 200),
        ("multipart/form-data; boundary=x", FIELD % b"nobody", 404),
    ],
)
def test_a_form_that_is_none_is_the_clients_to_see(kind: str, body: bytes, status: int, proxy: Signalbox) -> None:
    code, _, answer = call(proxy, "POST", "/v1/audio/transcriptions", body, **{"content-type": kind})
    assert code == status, answer
    assert status == 200 or json.loads(answer)["error"]["message"]
