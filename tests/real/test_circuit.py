"""Backends that fail are left alone and used again in time, with real sockets and requests at the same time."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.backends.servers.shapes import LLAMA, serves
from tests.real.attempted import CHAT, body
from tests.signalbox import Signalbox, ask, free_port, open_stream, post, signalbox
from tests.upstream import Request, Upstream, chat_answer, respond, upstream

RULES = """
version: 1
backends:
  first: {{url: "{first}", model: one, circuit: {{failures: 3, pause: 500ms, longest_pause: 4s}}}}
  second: {{url: "{second}", model: two}}
routes:
  - {{name: alone, when: {{model: alone}}, to: first}}
  - {{name: both, to: [first, second]}}
"""


@pytest.fixture
def proxy(first: Upstream, second: Upstream) -> Iterator[Signalbox]:
    with signalbox(RULES.format(first=first.url, second=second.url)) as running:
        yield running


@dataclass
class Load:
    """Requests from several clients at once, and who answered them when."""

    proxy: Signalbox
    answered: list[tuple[float, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        while not self.over.is_set():
            try:
                code, headers, answer = post(self.proxy, CHAT, body(stream=number % 2 == 0))
            except Exception as error:  # a stream that was cut, too
                self.failed.append(f"{'stream' if number % 2 == 0 else 'plain'}: {error!r}")
                continue
            if code != 200:
                self.failed.append(f"{code} {answer[:200]!r}")
            self.answered.append((time.monotonic(), headers.get("x-signalbox-backend", "")))

    def used_after(self, moment: float, backend: str) -> float:
        """Seconds from a moment to the first answer of a backend."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for at, name in self.answered:
                if at >= moment and name == backend:
                    return at - moment
            time.sleep(0.01)
        raise AssertionError(f"{backend} was not used within ten seconds")


@contextmanager
def load(proxy: Signalbox, clients: int = 8) -> Iterator[Load]:
    going = Load(proxy)
    threads = [threading.Thread(target=going.run, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield going
    finally:
        going.over.set()
        for thread in threads:
            thread.join(15)


def value(proxy: Signalbox, metric: str) -> float:
    found = re.search(rf"^{re.escape(metric)} ([\d.e+-]+)$", proxy.get("/metrics")[1], re.MULTILINE)
    return float(found[1]) if found else 0.0


def state(proxy: Signalbox) -> float:
    return value(proxy, 'signalbox_backend_circuit{backend="first"}')


SERVER = """
import sys, threading
from tests.upstream import Upstream
server = Upstream()
server.start(int(sys.argv[1]))
threading.Event().wait()
"""
KILLS = int(os.environ.get("KILLS", "5"))
"""Twenty for the figure in docs/health.md."""


def started(port: int) -> subprocess.Popen[bytes]:
    """A server in a process of its own, once it listens."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)])
    until = time.monotonic() + 15
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.005)


def test_a_backend_that_is_killed_and_brought_back_under_load_fails_no_request_that_had_not_begun_to_stream(
    second: Upstream,
) -> None:
    soon, port = [], free_port()
    process = started(port)
    rules = RULES.format(first=f"http://127.0.0.1:{port}/v1", second=second.url)
    with signalbox(rules) as proxy:
        try:
            with load(proxy) as going:
                going.used_after(0, "first")
                for _ in range(KILLS):
                    process.kill()
                    process.wait()
                    going.used_after(time.monotonic(), "second")
                    time.sleep(0.6)
                    process = started(port)
                    soon.append(going.used_after(time.monotonic(), "first"))
                    time.sleep(0.3)
        finally:
            process.kill()
            process.wait()
        begun = value(proxy, 'signalbox_streams_broken_total{backend="first",content="after",route="both"}')
    assert len(going.failed) == begun, going.failed
    assert all(failure.startswith("stream") for failure in going.failed), going.failed
    assert len(going.answered) > 100
    again = ", ".join(f"{seconds:.2f}" for seconds in sorted(soon))
    print(f"{len(going.answered)} requests, {begun:g} cut after their beginning, no other failed; back after {again} s")
    assert max(soon) < 3.5


def test_a_backend_that_flaps_is_asked_less_and_less(proxy: Signalbox, first: Upstream) -> None:
    first.status = 500
    with load(proxy, 4) as going:
        time.sleep(6)
    assert going.failed == []
    asked = len(first.asked)
    print(f"of {len(going.answered)} requests {asked} were tried at the backend that fails")
    # Three (and those that were under way with them) open it; then one each after 0.5, 1, 2 and 4 s, less jitter.
    assert 4 <= asked <= 3 + 4 + 5
    assert state(proxy) == 2
    assert value(proxy, 'signalbox_circuit_opened_total{backend="first",reason="status 500"}') >= 3
    rejected = value(proxy, 'signalbox_gate_rejections_total{backend="first",gate="health"}')
    assert rejected > 0.8 * len(going.answered)


def test_half_open_exactly_one_request_tries_it_however_many_come(proxy: Signalbox, first: Upstream) -> None:
    at_once, most = 0, 0

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        if request.method == "GET":
            await first.answer(request, writer)
            return
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.7)
        at_once -= 1
        respond(writer, 500, {"error": {"message": "still broken"}})

    first.status = 500
    for _ in range(3):
        assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second"
    assert state(proxy) == 2
    before, first.play = len(first.asked), slowly
    with load(proxy, 16) as going:
        time.sleep(4)
    assert going.failed == []
    assert most == 1
    assert 1 <= len(first.asked) - before <= 4
    print(f"{len(going.answered)} requests of 16 clients, {len(first.asked) - before} tried it, never two at once")


def test_the_last_candidate_is_never_locked_out_and_its_first_answer_brings_it_back(
    proxy: Signalbox, first: Upstream
) -> None:
    first.status = 500
    for number in range(12):
        code, headers, answer = post(proxy, CHAT, body("alone"))
        assert (code, headers["x-signalbox-backend"]) == (500, "first"), answer
        assert len(first.asked) == number + 1
    assert state(proxy) == 2
    first.status = 200
    assert post(proxy, CHAT, body("alone"))[0] == 200
    assert state(proxy) == 0
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "first"


def test_when_the_other_candidate_is_gone_too_one_with_an_open_circuit_is_asked(
    proxy: Signalbox, first: Upstream, second: Upstream
) -> None:
    first.status = 500
    for _ in range(4):
        post(proxy, CHAT, body())
    assert state(proxy) == 2
    second.stop()
    post(proxy, CHAT, body())
    first.status = 200
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "first"


def test_retry_after_of_429_is_the_pause_and_explain_says_so(
    proxy: Signalbox, first: Upstream, second: Upstream
) -> None:
    async def busy(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            await first.answer(request, writer)
        else:
            respond(writer, 429, {"error": {"message": "slow down"}}, "retry-after: 2\r\n")

    first.play = busy
    began = time.monotonic()
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second"
    _, _, answer = post(proxy, "/api/explain", body())
    told = json.loads(answer)
    assert told["backend"] == "second"
    assert re.fullmatch(r"circuit open for another [23] s as it asked for: status 429", told["candidates"][0]["reason"])
    first.play = first.answer
    while post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second":
        assert time.monotonic() - began < 5
        time.sleep(0.05)
    assert time.monotonic() - began > 1.9
    assert len(first.asked) == 2


def test_a_clients_own_mistakes_open_nothing(proxy: Signalbox, first: Upstream) -> None:
    first.status = 422
    for _ in range(8):
        assert post(proxy, CHAT, body())[0] == 422
    assert state(proxy) == 0


def test_clients_that_leave_open_nothing(proxy: Signalbox, first: Upstream) -> None:
    first.pause = 5
    for _ in range(6):
        with pytest.raises(TimeoutError):
            impatient(proxy)
    first.pause = 0
    assert state(proxy) == 0
    assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "first"


def impatient(proxy: Signalbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=0.2)
    try:
        connection.request("POST", CHAT, body(stream=True), {"content-type": "application/json"})
        connection.getresponse().readline()
        raise TimeoutError
    finally:
        connection.close()


def test_a_reload_keeps_the_circuit_of_a_backend_that_is_unchanged(proxy: Signalbox, first: Upstream) -> None:
    first.status = 500
    for _ in range(3):
        post(proxy, CHAT, body())
    assert state(proxy) == 2
    rules = proxy.rules.read_text()
    proxy.rules.write_text(rules + "aliases: {other: second}\n")
    until = time.monotonic() + 5
    while '"other"' not in ask(proxy, "GET", "/v1/models")[2].decode():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert state(proxy) in (1, 2)
    proxy.rules.write_text(rules.replace("failures: 3", "failures: 4"))
    while state(proxy) != 0:
        assert time.monotonic() < until + 5
        time.sleep(0.02)


def test_circuit_false_never_leaves_a_backend_alone(first: Upstream, second: Upstream) -> None:
    rules = RULES.format(first=first.url, second=second.url).replace(
        "circuit: {failures: 3, pause: 500ms, longest_pause: 4s}", "circuit: false"
    )
    first.status = 500
    with signalbox(rules) as proxy:
        for _ in range(10):
            assert post(proxy, CHAT, body())[1]["x-signalbox-attempts"] == "2"
        assert len(first.asked) == 10
        assert 'signalbox_backend_circuit{backend="first"}' not in proxy.get("/metrics")[1]


def test_a_server_that_loads_its_model_is_passed_over_and_used_when_it_has_it(second: Upstream) -> None:
    """As llama-server does it: the list is there at once, everything else answers 503."""
    loading = {"/v1/models": {"data": [{"id": "coder", "owned_by": "llamacpp", "meta": None}]}, "/health": 503}
    pages: dict[str, object] = dict(loading)
    asked = 0

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        if request.method == "GET":
            await serves(pages)(request, writer)
            return
        asked += 1
        respond(writer, *((503, {}) if pages["/health"] == 503 else (200, chat_answer())))

    with upstream(play) as server:
        rules = RULES.format(first=server.url, second=second.url)
        with signalbox(rules) as proxy:
            until = time.monotonic() + 5
            while '"is loading its model"' not in explained(proxy):
                assert time.monotonic() < until, explained(proxy)
                time.sleep(0.02)
            for _ in range(10):
                assert post(proxy, CHAT, body())[1]["x-signalbox-attempts"] == "1"
            assert asked == 0
            pages.update(LLAMA)
            loaded = time.monotonic()
            while post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "second":
                assert time.monotonic() - loaded < 5
                time.sleep(0.02)
            print(f"used {time.monotonic() - loaded:.2f} s after it had loaded its model")
            entry = json.loads(ask(proxy, "GET", "/v1/models/first")[2])
            assert (entry["context_length"], entry["slots"], entry["loaded"]) == (24576, 4, True)
            assert entry["input_modalities"] == ["text", "image"]
            assert value(proxy, 'signalbox_backend_slots{backend="first"}') == 4


def test_a_server_that_was_started_anew_unseen_and_loads_is_found_out_by_the_first_request(
    proxy: Signalbox, first: Upstream
) -> None:
    pages: dict[str, object] = {"/v1/models": {"data": [{"id": "coder", "owned_by": "llamacpp", "meta": None}]}}
    pages |= {"/health": 503, CHAT: 503}
    first.play = serves(pages)
    assert post(proxy, CHAT, body())[1]["x-signalbox-attempts"] == "2"
    until = time.monotonic() + 3
    while '"is loading its model"' not in explained(proxy):
        assert time.monotonic() < until, explained(proxy)
        time.sleep(0.02)
    assert post(proxy, CHAT, body())[1]["x-signalbox-attempts"] == "1"
    assert post(proxy, CHAT, body("alone"))[0] == 503  # it is asked, and the answer does not make it one that is up
    assert '"is loading its model"' in explained(proxy)
    assert state(proxy) == 0


def test_a_long_answer_to_the_one_that_tries_brings_the_backend_back_with_its_beginning(
    proxy: Signalbox, first: Upstream
) -> None:
    first.status = 500
    for _ in range(3):
        post(proxy, CHAT, body())
    assert state(proxy) == 2
    first.status, first.pause, first.pieces = 200, 0.3, ["word "] * 10
    time.sleep(0.6)
    with open_stream(proxy) as stream:
        assert stream.headers["x-signalbox-backend"] == "first"
        assert state(proxy) == 0
        first.pause = 0.0
        assert post(proxy, CHAT, body())[1]["x-signalbox-backend"] == "first"


def explained(proxy: Signalbox) -> str:
    told = json.loads(post(proxy, "/api/explain", body())[2])
    return json.dumps([candidate["reason"] for candidate in told["candidates"]]).replace("is down: ", "")
