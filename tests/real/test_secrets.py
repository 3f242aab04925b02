"""No secret crosses the proxy: backends' keys to clients, clients' keys to backends, prompts to strangers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from router.accounts.keys import new_key
from tests.signalbox import Signalbox, ask, post, signalbox
from tests.upstream import Request, Upstream, chat_answer, respond, upstream

CHAT = "/v1/chat/completions"
UPSTREAM, HEADER, MINE = "sk-upstream-0123456789abcdef", "the-token-of-the-gateway", "the-key-that-is-mine-for-here"
ADMIN = "the-key-that-opens-the-pages"
THEIRS = "sk-of-the-client-at-its-provider"
RULES = """
version: 1
guard: false
backends:
  echo:
    url: "{echo}"
    dialects: [responses, messages]
    circuit: false
    model: m
    api_key: {upstream}
    headers: {{x-gateway-token: {header}, x-tenant: production}}
  spare: {{url: "{spare}", dialects: [responses, messages], model: m}}
  schemes:
    url: "{echo}"
    dialects: [responses, messages]
    circuit: false
    headers: {{Authorization: "Bearer {upstream}", Helicone-Auth: "Bearer {header}"}}
  open: {{url: "{spare}", dialects: [responses, messages], model: m, api_key: {upstream}, pass_key: true}}
keys:
  mine: ${{MINE}}
  both: {{key: "${{BOTH}}", pass_key: true}}
routes:
  - {{name: spared, when: {{model: spared}}, to: [echo, spare]}}
  - {{name: kept, when: {{model: kept}}, to: open, cache: 1h}}
  - {{name: rest, to: echo}}
"""


@pytest.fixture(scope="module")
def spare() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: Upstream, spare: Upstream) -> Iterator[Signalbox]:
    rules = RULES.format(echo=server.url, spare=spare.url, upstream=UPSTREAM, header=HEADER)
    keys = {"MINE": MINE, "BOTH": "the-key-that-may-be-passed-on"}
    with signalbox(rules, SIGNALBOX_LOG="debug", SIGNALBOX_ADMIN_KEY=ADMIN, **keys) as running:
        yield running
        logged = running.log.read_text()
        for secret in (UPSTREAM, HEADER, MINE, ADMIN, THEIRS, keys["BOTH"]):
            assert secret not in logged


@pytest.fixture(autouse=True)
def fresh(server: Upstream, spare: Upstream) -> Iterator[None]:
    server.requests.clear()
    spare.requests.clear()
    yield
    server.play = server.answer


def chat(
    proxy: Signalbox, model: str = "auto", query: str = "", stream: bool = False, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()
    told = {"x-api-key": MINE} if not headers.keys() & {"x-api-key", "api-key"} else {}
    return post(proxy, CHAT + query, body, **told, **headers)


def holds_none(answer: tuple[int, dict[str, str], bytes]) -> None:
    whole = json.dumps(answer[1]).encode() + answer[2]
    for secret in (UPSTREAM, HEADER):
        assert secret.encode() not in whole
        assert json.dumps(secret)[1:-1].encode() not in whole


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html"])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500, 503])
def test_a_backend_that_echoes_its_keys_is_not_repeated(
    status: int, kind: str, proxy: Signalbox, server: Upstream
) -> None:
    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        sent = dict(request.headers)
        assert (sent["authorization"], sent["x-gateway-token"]) == (f"Bearer {UPSTREAM}", HEADER)
        told = {"error": {"message": f"no such key: {sent}"}} if status >= 400 else {"choices": []}
        body = json.dumps({**told, "sent": sent}).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nx-sent: {sent['authorization']}\r\n"
        head += f"authorization: {sent['authorization']}\r\nwww-authenticate: Bearer realm={HEADER}\r\n"
        writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)

    server.play = echo
    answer = chat(proxy)
    assert answer[0] == status
    assert b"production" in answer[2], "what is no secret is not hidden"
    assert b"****" in answer[2] and "****" in answer[1]["x-sent"]
    holds_none(answer)


def test_a_backend_that_echoes_a_key_without_its_scheme_is_not_repeated(proxy: Signalbox, server: Upstream) -> None:
    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        assert request.headers["helicone-auth"] == f"Bearer {HEADER}"
        respond(writer, 401, {"error": {"message": f"{UPSTREAM} and {HEADER}"}}, f"x-debug-key: {UPSTREAM}\r\n")

    server.play = echo
    answer = chat(proxy, "schemes")
    assert answer[0] == 401 and b"****" in answer[2] and "****" in answer[1]["x-debug-key"]
    holds_none(answer)


@pytest.mark.parametrize("cut", range(1, len(UPSTREAM), 5))
@pytest.mark.parametrize("content", [True, False])
def test_an_error_in_a_stream_holds_no_key_wherever_it_is_cut(
    content: bool, cut: int, proxy: Signalbox, server: Upstream
) -> None:
    began = b'data: {"choices": [{"delta": {"content": "I"}}]}\n\n' if content else b'data: {"choices": []}\n\n'

    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        error = json.dumps({"error": {"message": f"bad key {UPSTREAM}, and {HEADER}"}}).encode()
        at = error.index(UPSTREAM.encode()) + cut
        for piece in (began, b"data: " + error[:at], error[at:] + b"\n\ndata: [DONE]\n\n"):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")

    server.play = echo
    answer = chat(proxy, stream=True)
    assert b"bad key ****" in answer[2]
    assert answer[2].endswith(b"data: [DONE]\n\n") is content, "before its content it is an error of ours"
    holds_none(answer)


def test_the_errors_of_several_backends_together_hold_no_key(proxy: Signalbox, server: Upstream) -> None:
    async def garbage(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK {UPSTREAM}\r\n{UPSTREAM}\r\n\r\n".encode())
        writer.close()

    server.play = garbage
    answer = chat(proxy)
    assert answer[0] == 503
    holds_none(answer)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_neither_followed_nor_passed_on_and_the_next_backend_answers(
    status: int, proxy: Signalbox, server: Upstream
) -> None:
    with upstream() as thief:

        async def redirect(request: Request, writer: asyncio.StreamWriter) -> None:
            respond(writer, status, {}, f"location: {thief.url}/take?key={UPSTREAM}\r\n")

        server.play = redirect
        code, headers, answer = chat(proxy)
        assert code == 503
        assert "location" not in headers and b"redirects to 127.0.0.1" in answer
        holds_none((code, headers, answer))
        code, headers, _ = chat(proxy, "spared")
        assert (code, headers["x-signalbox-backend"], headers["x-signalbox-attempts"]) == (200, "spare", "2")
        assert thief.requests == []


SECRETS = {
    "authorization": f"Bearer {THEIRS}",
    "api-key": MINE,
    "x-goog-api-key": THEIRS,
    "cookie": f"session={THEIRS}",
    "proxy-authorization": f"Basic {THEIRS}",
    "x-auth-token": THEIRS,
    "openai-organization": THEIRS,
}


@pytest.mark.parametrize("path", [CHAT, "/v1/files/1", "/v1/messages"])
def test_no_secret_of_a_client_reaches_a_backend(path: str, proxy: Signalbox, server: Upstream) -> None:
    query = f"?key={MINE}&a=1&api_key={THEIRS}&API-KEY={THEIRS}&%6Bey={THEIRS}&access_token={THEIRS}&keys=2&b"
    body = b'{"messages": [], "max_tokens": 1}'
    status = ask(proxy, "POST", path + query, body, {"content-type": "application/json", **SECRETS})[0]
    assert status == 200
    (request,) = server.asked
    assert request.target == f"{path}?a=1&keys=2&b"
    for secret in (THEIRS, MINE):
        assert secret not in str(request.headers) + request.target


def test_pass_key_sends_the_clients_own_key_in_place_of_the_configured_one(proxy: Signalbox, spare: Upstream) -> None:
    assert chat(proxy, "open", authorization=f"Bearer {THEIRS}")[0] == 200
    (request,) = spare.asked
    assert request.headers["authorization"] == f"Bearer {THEIRS}"
    assert MINE not in str(request.headers) and UPSTREAM not in str(request.headers)


def test_pass_key_without_a_key_to_pass_on_is_the_configured_one_and_never_ours(
    proxy: Signalbox, spare: Upstream
) -> None:
    for headers in ({}, {"authorization": f"Bearer {MINE}"}, {"api-key": MINE}):
        spare.requests.clear()
        assert chat(proxy, "open", **headers)[0] == 200
        (request,) = spare.asked
        assert request.headers["authorization"] == f"Bearer {UPSTREAM}"
        assert MINE not in str(request.headers)


@pytest.mark.parametrize("written", ["Bearer\t{}", "Token {}", "{}"])
def test_pass_key_sends_no_key_of_this_proxy_however_it_is_written(
    written: str, proxy: Signalbox, spare: Upstream
) -> None:
    for key in (MINE, ADMIN, new_key()):
        told = {"x-api-key": MINE, "authorization": written.format(key)}
        assert chat(proxy, "open", **told)[0] == 200
        assert key not in str(spare.asked[-1].headers) and MINE not in str(spare.asked[-1].headers)


@pytest.mark.parametrize("model", ["auto", "open"])
@pytest.mark.parametrize("written", ["{}", "Bearer {}"])
@pytest.mark.parametrize("name", ["x-litellm-api-key", "x-whatever"])
def test_a_key_that_is_repeated_in_some_other_header_goes_no_further(
    name: str, written: str, model: str, proxy: Signalbox, server: Upstream, spare: Upstream
) -> None:
    assert chat(proxy, model, **{name: written.format(MINE), "x-other": "kept"})[0] == 200
    (request,) = (*server.asked, *spare.asked)
    assert MINE not in str(request.headers) and request.headers["x-other"] == "kept"


def test_a_key_that_may_be_passed_on_itself_is(proxy: Signalbox, spare: Upstream, server: Upstream) -> None:
    told = {"x-api-key": "the-key-that-may-be-passed-on"}
    assert chat(proxy, "open", **told)[0] == chat(proxy, "echo", **told)[0] == 200
    assert spare.asked[-1].headers["x-api-key"] == told["x-api-key"]
    assert "authorization" not in spare.asked[-1].headers
    assert told["x-api-key"] not in str(server.asked[-1].headers)


def test_what_a_clients_own_key_has_bought_is_not_cached(proxy: Signalbox, spare: Upstream) -> None:
    for _ in range(2):
        assert chat(proxy, "kept", authorization=f"Bearer {THEIRS}")[1]["x-signalbox-cache"] == "bypass"
    assert len(spare.asked) == 2
    assert [chat(proxy, "kept")[1]["x-signalbox-cache"] for _ in range(2)] == ["miss", "hit"]


@pytest.mark.parametrize(
    "line",
    [
        "POST http://127.0.0.1:{thief}/v1/chat/completions HTTP/1.1",
        "POST //127.0.0.1:{thief}/v1/chat/completions HTTP/1.1",
        "POST /v1/chat/completions/@127.0.0.1:{thief}/ HTTP/1.1",
        "POST /v1/%2e%2e/%2e%2e/admin HTTP/1.1",
        "POST /v1/chat/completions%0d%0ahost:%20127.0.0.1:{thief} HTTP/1.1",
        "POST /v1/http://127.0.0.1:{thief}/ HTTP/1.1",
    ],
)
def test_no_request_line_or_header_chooses_where_it_goes(line: str, proxy: Signalbox, server: Upstream) -> None:
    body = b'{"messages": []}'
    with upstream() as thief, socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        head = (
            f"{line.format(thief=thief.port)}\r\nhost: 127.0.0.1:{thief.port}\r\nx-api-key: {MINE}\r\n"
            f"x-forwarded-host: 127.0.0.1:{thief.port}\r\nx-original-url: http://127.0.0.1:{thief.port}/\r\n"
            "content-type: application/json\r\nconnection: close\r\n"
        )
        client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 ")
        assert thief.requests == []
        for request in server.asked:
            assert request.target.startswith("/v1/") and ".." not in request.target.replace("%2e", ".")
            assert request.headers["host"] == f"127.0.0.1:{server.port}"


def test_no_field_of_a_body_chooses_where_it_goes(proxy: Signalbox, server: Upstream) -> None:
    with upstream() as thief:
        names = ("api_base", "base_url", "url", "endpoint", "proxy", "signalbox_url")
        steering: dict[str, Any] = dict.fromkeys(names, thief.url)
        steering |= {"api_key": "x", "extra_headers": {"host": "x"}, "signalbox": {"url": thief.url, "world": {}}}
        body = json.dumps({"messages": [], **steering}).encode()
        assert post(proxy, CHAT, body, **{"x-api-key": MINE})[0] == 200
        assert thief.requests == []
        assert server.asked[-1].headers["authorization"] == f"Bearer {UPSTREAM}"


def test_answers_without_a_secret_come_as_they_are(proxy: Signalbox) -> None:
    assert json.loads(chat(proxy)[2]) == chat_answer()
