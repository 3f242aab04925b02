"""Client keys and the admin key, at a proxy that runs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus import prometheus
from tests.signalbox import Signalbox, ask, post, signalbox
from tests.upstream import Request, Upstream, respond, upstream

CHAT = "/v1/chat/completions"
ADMIN = "the-key-of-the-admin"
RULES = """
version: 1
backends:
  first: {{url: "{first}", model: one}}
  second: {{url: "{second}", model: two}}
routes:
  - {{name: code, when: {{model: code}}, to: [first, second]}}
  - {{name: rest, to: second}}
{keys}
"""
KEYS = """
keys:
  limited: {key: "${LIMITED}", backends: first}
  routed: {key: "${ROUTED}", routes: rest}
  old: {key: "${OLD}", expires: 2020-01-01}
  homely: {key: "${HOMELY}", private: true}
"""
SAID = {name: f"the-key-that-is-{name.lower()}" for name in ("LIMITED", "ROUTED", "OLD", "HOMELY")}


@pytest.fixture(scope="module")
def second() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def rules(server: Upstream, second: Upstream) -> str:
    return RULES.format(first=server.url, second=second.url, keys=KEYS)


@pytest.fixture(scope="module")
def proxy(rules: str) -> Iterator[Signalbox]:
    with signalbox(rules, SIGNALBOX_KEYS="free:the-key-that-is-free", **SAID) as running:
        yield running


def cli(proxy: Signalbox, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "router.cli", *words]
    env = {**os.environ, "SIGNALBOX_DATA_DIR": str(proxy.rules.parent), **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)


def chat(proxy: Signalbox, key: str = "", model: str = "code", **headers: str) -> tuple[int, dict[str, str], Any]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    told = {"authorization": f"Bearer {key}"} if key else {}
    status, answered, content = post(proxy, CHAT, body, **{**told, **headers})
    return status, answered, json.loads(content)


def until(done: Any, patience: float = 5) -> float:
    """Seconds until it holds, for a while without an exception."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < patience, "it took too long"
        time.sleep(0.05)
    return time.monotonic() - began


def test_keys_made_and_revoked_while_it_runs_count_for_all_workers_within_seconds(
    server: Upstream, second: Upstream
) -> None:
    with signalbox(RULES.format(first=server.url, second=second.url, keys=""), "--workers", "2") as proxy:
        assert {chat(proxy)[0] for _ in range(20)} == {200}, "on loopback none is needed while there is none"
        key = cli(proxy, "keys", "new", "laptop").stdout.strip()
        until(lambda: {chat(proxy)[0] for _ in range(20)} == {401})
        assert {chat(proxy, key)[0] for _ in range(20)} == {200}
        assert {chat(proxy, **{"x-api-key": key})[0] for _ in range(20)} == {200}
        status, _, answer = chat(proxy, key[:-2])
        assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
        assert "not whole" in answer["error"]["message"] and key[:-2] not in json.dumps(answer)
        until(lambda: json.loads(cli(proxy, "keys", "list", "--json").stdout)["keys"][0]["last_used"], 10)
        assert cli(proxy, "keys", "revoke", "laptop").returncode == 0
        until(lambda: {chat(proxy, key)[0] for _ in range(20)} == {401})
        assert chat(proxy)[0] == 401, "the last key revoked does not open the door"
        cli(proxy, "keys", "revoke", "--forget", "laptop")
        until(lambda: {chat(proxy)[0] for _ in range(20)} == {200})
        assert key not in proxy.log.read_text()


def test_a_key_for_one_backend_gets_no_other_neither_by_name_nor_by_fallback(
    proxy: Signalbox, server: Upstream, second: Upstream
) -> None:
    key = SAID["LIMITED"]
    assert chat(proxy, key)[1]["x-signalbox-backend"] == "first"
    second.requests.clear()
    for model in ("second", "auto"):
        status, _, answer = chat(proxy, key, model)
        assert (status, answer["error"]["code"], answer["error"]["type"]) == (
            403,
            "key_not_allowed",
            "permission_error",
        )
        assert 'second: is not for the key "limited", which is for backend first only' in answer["error"]["message"]
    server.status = 503
    try:
        assert chat(proxy, "the-key-that-is-free")[1]["x-signalbox-backend"] == "second"
        second.requests.clear()
        assert chat(proxy, key)[0] == 503
        assert second.asked == []
    finally:
        server.status = 200


def test_a_key_for_one_route_gets_no_other_and_no_backend_of_its_own_choice(proxy: Signalbox) -> None:
    key = SAID["ROUTED"]
    assert chat(proxy, key, "auto")[1]["x-signalbox-route"] == "rest"
    assert chat(proxy, key, "second")[0] == 200, "a backend that the route lists may be named"
    for model in ("code", "first"):
        assert chat(proxy, key, model)[0] == 403
    status, _, answer = ask(proxy, "GET", "/v1/files/1", headers={"authorization": f"Bearer {key}"})
    assert status != 403, answer  # a path that is only relayed is decided like all others


def test_an_expired_key_opens_nothing(proxy: Signalbox) -> None:
    status, _, answer = chat(proxy, SAID["OLD"])
    assert (status, answer["error"]["message"]) == (401, 'the client key "old" has expired')


def test_models_are_those_that_the_key_may_use(proxy: Signalbox) -> None:
    def names(key: str) -> set[str]:
        answer = ask(proxy, "GET", "/v1/models", headers={"x-api-key": key})[2]
        return {entry["id"] for entry in json.loads(answer)["data"]}

    assert names("the-key-that-is-free") == names(SAID["HOMELY"]) == {"auto", "first", "second"}
    assert names(SAID["LIMITED"]) == {"auto", "first"}
    headers = {"x-api-key": SAID["LIMITED"]}
    assert ask(proxy, "GET", "/v1/models/second", headers=headers)[0] == 404


def test_explain_over_http_knows_the_key(proxy: Signalbox) -> None:
    question = {"key": "limited", "body": {"model": "second", "messages": []}}
    headers = {"authorization": "Bearer the-key-that-is-free", "content-type": "application/json"}
    told = json.loads(ask(proxy, "POST", "/api/explain", json.dumps(question).encode(), headers)[2])
    assert (told["backend"], told["candidates"][0]["gate"]) == (None, "key")


def test_a_key_in_the_rules_counts_as_soon_as_they_are_saved(server: Upstream, second: Upstream) -> None:
    plain = RULES.format(first=server.url, second=second.url, keys="")
    with signalbox(plain) as proxy:
        assert chat(proxy)[0] == 200
        made = cli(proxy, "keys", "new", "--yaml", "saved", "--backend", "first")
        key = made.stderr[made.stderr.index("sk-sb-") :].split()[0]
        proxy.rules.write_text(plain + made.stdout)
        until(lambda: chat(proxy)[0] == 401, 10)
        assert chat(proxy, key)[1]["x-signalbox-backend"] == "first"
        assert chat(proxy, key, "second")[0] == 403
        proxy.rules.write_text(plain)
        until(lambda: chat(proxy)[0] == 200, 10)


PAGES = ["/metrics", "/api/cache", "/docs", "/openapi.json"]


@pytest.mark.parametrize("path", PAGES)
def test_on_loopback_the_pages_are_as_open_as_the_doors(path: str, proxy: Signalbox) -> None:
    assert proxy.get(path)[0] == 401
    for key, status in (("the-key-that-is-free", 200), (SAID["LIMITED"], 401), ("nobodys", 401)):
        assert ask(proxy, "GET", path, headers={"authorization": f"Bearer {key}"})[0] == status
        password = base64.b64encode(f":{key}".encode()).decode()
        assert ask(proxy, "GET", path, headers={"authorization": f"Basic {password}"})[0] == status


@pytest.fixture(scope="module")
def reachable(rules: str) -> Iterator[Signalbox]:
    """Listens on all addresses, with an admin key."""
    settings = {"SIGNALBOX_KEYS": "free:the-key-that-is-free", "SIGNALBOX_ADMIN_KEY": ADMIN, **SAID}
    with signalbox(rules, "--host", "0.0.0.0", **settings) as running:
        yield running


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_have_a_key_of_their_own(path: str, reachable: Signalbox) -> None:
    status, headers, _ = ask(reachable, "GET", path)
    assert status == 401 and "Basic" in headers["www-authenticate"]
    for key in ("the-key-that-is-free", ADMIN[:-1], "", ADMIN + "x"):
        assert ask(reachable, "GET", path, headers={"authorization": f"Bearer {key}"})[0] == 401
    password = base64.b64encode(f"me:{ADMIN}".encode()).decode()
    for headers in (
        {"authorization": f"Bearer {ADMIN}"},
        {"authorization": f"basic {password}"},
        {"x-api-key": ADMIN},
    ):
        assert ask(reachable, "GET", path, headers=headers)[0] == 200
    assert ask(reachable, "GET", path, headers={"authorization": "Basic %%%"})[0] == 401


def test_the_admin_key_opens_no_door_to_a_model(reachable: Signalbox) -> None:
    assert chat(reachable, ADMIN)[0] == 401
    assert ask(reachable, "DELETE", "/api/cache", headers={"authorization": "Bearer the-key-that-is-free"})[0] == 401


def test_commands_that_talk_to_a_proxy_send_the_admin_key(reachable: Signalbox) -> None:
    told = {"SIGNALBOX_PORT": str(reachable.port), "SIGNALBOX_KEYS": "free:the-key-that-is-free"}
    assert "401" in cli(reachable, "cache", "stats", **told).stderr
    assert "memory" in cli(reachable, "cache", "stats", SIGNALBOX_ADMIN_KEY=ADMIN, **told).stdout


def test_commands_follow_no_redirect_with_the_admin_key(reachable: Signalbox) -> None:
    with upstream() as thief, upstream() as other:

        async def redirect(request: Request, writer: asyncio.StreamWriter) -> None:
            respond(writer, 302, {}, f"location: {thief.url}/take\r\n")

        other.play = redirect
        told = cli(reachable, "cache", "stats", "--proxy", other.url, SIGNALBOX_ADMIN_KEY=ADMIN)
        assert told.returncode == 1 and "302" in told.stderr
        assert other.requests[0].headers["authorization"] == f"Bearer {ADMIN}"
        assert thief.requests == []


def test_prometheus_scrapes_with_the_admin_key(reachable: Signalbox) -> None:
    with prometheus(reachable, key=ADMIN) as server:
        server.wait('up{job="signalbox"}', 1)


def test_where_others_can_reach_it_and_there_is_no_admin_key_the_pages_are_closed(rules: str) -> None:
    settings = {"SIGNALBOX_KEYS": "free:the-key-that-is-free", **SAID}
    with signalbox(rules, "--host", "0.0.0.0", **settings) as proxy:
        for path in PAGES:
            status, answer = ask(proxy, "GET", path, headers={"authorization": "Bearer the-key-that-is-free"})[::2]
            assert status == 403 and b"SIGNALBOX_ADMIN_KEY" in answer
        assert proxy.get("/health") == (200, "ok")
        proxy.rules.write_text("version: 1\nroutes: [{to: nobody}]\n")
        until(lambda: json.loads(proxy.get("/ready")[1])["config_valid"] is False, 10)
        assert json.loads(proxy.get("/ready")[1])["config_error"] is None, "names are for those who may know them"


def test_a_key_of_the_ledger_is_enough_to_listen_where_others_can_reach_it(server: Upstream, second: Upstream) -> None:
    with signalbox(RULES.format(first=server.url, second=second.url, keys="")) as before:
        key = cli(before, "keys", "new", "me").stdout.strip()
        folder = str(before.rules.parent)
        rules = before.rules.read_text()
        with signalbox(rules, "--host", "0.0.0.0", SIGNALBOX_DATA_DIR=folder) as proxy:
            assert (chat(proxy)[0], chat(proxy, key)[0]) == (401, 200)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("http://evil.example:4000", 403),
        ("https://app.example", 200),
        ("http://localhost:3000", 200),
        ("http://127.0.0.1:8080", 200),
        ("http://127.0.0.1.evil.example", 403),
        ("http://[broken", 403),
        ("null", 403),
        ("app://obsidian.md", 200),
    ],
)
def test_where_no_key_is_needed_web_pages_from_elsewhere_are_kept_out(
    origin: str, status: int, keyless: Signalbox
) -> None:
    assert chat(keyless, origin=origin)[0] == status
    assert chat(keyless, origin=origin, **{"content-type": "text/plain"})[0] == status
    for path in PAGES:
        assert ask(keyless, "GET", path, headers={"origin": origin})[0] == status


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        *(("localhost:{port}", False), ("[::1]:{port}", False), ("app.example", False)),
        *(("evil.example:{port}", True), ("host.docker.internal:{port}", True), ("192.168.1.7", True)),
    ],
)
def test_where_no_key_is_needed_it_answers_to_no_name_that_a_page_may_have_made(
    host: str, refused: bool, keyless: Signalbox, second: Upstream
) -> None:
    headers = {"host": host.format(port=keyless.port)}
    second.requests.clear()
    assert chat(keyless, **headers)[0] == (403 if refused else 200)
    for path in ["/v1/models", "/v1/files/1", *PAGES]:
        status, _, told = ask(keyless, "GET", path, headers=headers)
        assert (status == 403) is refused
        assert (b"signalbox keys new" in told and b"SIGNALBOX_CORS_ORIGINS" in told) is refused
    assert [request.target for request in second.requests if "files" in request.target] == (
        [] if refused else ["/v1/files/1"]
    )
    assert ask(keyless, "GET", "/health", headers=headers)[0] == 200


def test_where_no_key_is_needed_a_foreign_page_that_tells_no_origin_is_kept_out(keyless: Signalbox) -> None:
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    link = {**image, "sec-fetch-mode": "navigate"}
    typed = {**link, "sec-fetch-site": "none"}
    for path in ["/v1/models", "/v1/files/1"]:
        assert [ask(keyless, "GET", path, headers=sent)[0] == 403 for sent in (image, link, typed)] == [1, 1, 0]
    for path in PAGES:
        assert [ask(keyless, "GET", path, headers=sent)[0] == 403 for sent in (image, link, typed)] == [1, 0, 0]
    assert ask(keyless, "DELETE", "/api/cache", headers=link)[0] == 403


def test_names_of_backends_are_not_told_to_a_page_from_elsewhere(server: Upstream, second: Upstream) -> None:
    with signalbox(RULES.format(first=server.url, second=second.url, keys="")) as proxy:
        proxy.rules.write_text("version: 1\nroutes: [{to: nobody}]\n")
        until(lambda: json.loads(proxy.get("/ready")[1])["config_valid"] is False, 10)
        assert "nobody" in json.loads(proxy.get("/ready")[1])["config_error"]
        for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            assert json.loads(ask(proxy, "GET", "/ready", headers=headers)[2])["config_error"] is None


def test_with_a_key_it_answers_to_any_name(proxy: Signalbox) -> None:
    headers = {"host": "signalbox:4000", "origin": "null", "sec-fetch-site": "cross-site"}
    assert chat(proxy, "the-key-that-is-free", **headers)[0] == 200


HEAD = "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 60000000\r\n"


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/anything", "/api/explain"])
def test_without_a_key_a_body_is_neither_waited_for_nor_kept(path: str, reachable: Signalbox) -> None:
    before, clients = _memory(reachable), []
    for _ in range(4):
        client = socket.create_connection(("127.0.0.1", reachable.port), 5)
        clients.append(client)
        client.sendall(f"{HEAD.format(path=path)}\r\n".encode())
        answer = b""
        while b"authentication_error" not in answer:
            answer += (piece := client.recv(65536))
            assert piece and answer.startswith(b"HTTP/1.1 401")
        with contextlib.suppress(OSError):  # the rest of what it has to say may find nobody any more
            for _ in range(25):
                client.sendall(b" " * 1_000_000)
    assert _memory(reachable) - before < 30
    for client in clients:
        client.close()


def test_a_key_made_while_its_request_waits_behind_another_does_not_let_half_a_body_in(
    server: Upstream, second: Upstream
) -> None:
    released = threading.Event()

    async def wait(request: Request, writer: asyncio.StreamWriter) -> None:
        while not released.is_set():
            await asyncio.sleep(0.02)
        await server.answer(request, writer)

    rules = RULES.format(first=server.url, second=second.url, keys="")
    body = b'{"model": "first", "messages": []}'
    head = "POST {path} HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"
    one = head.format(path=CHAT, key="the-key-that-is-free") + f"content-length: {len(body)}\r\n\r\n"
    two = head.format(path=CHAT, key="the-key-that-is-late") + "content-length: 99999\r\n\r\n{"
    with (
        signalbox(rules, SIGNALBOX_KEYS="free:the-key-that-is-free") as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), 10) as client,
    ):
        server.play = wait
        try:
            client.sendall(one.encode() + body + two.encode())
            digest = hashlib.sha256(b"the-key-that-is-late").hexdigest()
            proxy.rules.write_text(f"{rules}\nkeys: {{late: sha256:{digest}}}\n")
            until(lambda: chat(proxy, "the-key-that-is-late", "second")[0] == 200, 10)
        finally:
            released.set()
            server.play = server.answer
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"401"] and b"send it again" in answer


def test_a_page_from_elsewhere_is_refused_before_its_body_is_there(keyless: Signalbox) -> None:
    with socket.create_connection(("127.0.0.1", keyless.port), 5) as client:
        client.sendall(f"{HEAD.format(path=CHAT)}origin: https://evil.example\r\n\r\n".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 403")


def _memory(proxy: Signalbox) -> float:
    """MB that it holds."""
    pages = int(Path(f"/proc/{proxy.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.fixture(scope="module")
def keyless(server: Upstream, second: Upstream) -> Iterator[Signalbox]:
    rules = RULES.format(first=server.url, second=second.url, keys="")
    with signalbox(rules, SIGNALBOX_CORS_ORIGINS="https://app.example") as running:
        yield running
