"""Equal requests that are in the air at the same time: one request upstream, whoever comes late or leaves early."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.real.cached import CHAT, KEYS, RULES, chat, question, results
from tests.signalbox import Signalbox, free_port, signalbox
from tests.upstream import Request, Upstream, chat_chunks, respond, upstream


@pytest.fixture(scope="module")
def second() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: Upstream, second: Upstream) -> Iterator[Signalbox]:
    rules = RULES.format(first=server.url, second=second.url, nobody=free_port())
    with signalbox(rules, SIGNALBOX_KEYS=KEYS) as running:
        yield running


@pytest.fixture(autouse=True)
def _usual(server: Upstream, second: Upstream) -> None:
    for each in (server, second):
        each.play, each.pause, each.pieces, each.status = each.answer, 0.0, ["hel", "lo"], 200
        each.requests.clear()


@pytest.mark.parametrize("stream", [True, False])
def test_equal_requests_in_the_air_make_one_upstream(stream: bool, proxy: Signalbox, server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        await server.answer(request, writer)

    server.play, server.pause = play, 0.02
    body = question(stream=stream)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: chat(proxy, body), range(16)))
    assert {status for status, _, _ in answers} == {200}
    assert len({answer for _, _, answer in answers}) == 1
    told = sorted(headers["x-signalbox-cache"] for _, headers, _ in answers)
    assert told == ["joined"] * 15 + ["miss"]
    assert sorted(headers["x-signalbox-attempts"] for _, headers, _ in answers) == ["0"] * 15 + ["1"]
    assert len(server.asked) == 1
    assert results(proxy, body) == ["hit"]


def test_one_that_joins_a_stream_late_gets_its_beginning(proxy: Signalbox, server: Upstream) -> None:
    server.pause, server.pieces = 0.05, [f"word {n} " for n in range(10)]
    body = question(stream=True)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(chat, proxy, body)
        time.sleep(0.3)
        late = pool.submit(chat, proxy, body)
        assert late.result()[1]["x-signalbox-cache"] == "joined"
        assert first.result()[2] == late.result()[2] == b"".join(chat_chunks(server.pieces))
    assert len(server.asked) == 1


class Streaming:
    """A client of which the test decides when it leaves."""

    def __init__(self, proxy: Signalbox, body: bytes):
        self.connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        headers = {"content-type": "application/json", "authorization": "Bearer ka"}
        self.connection.request("POST", CHAT, body, headers)
        self.answer = self.connection.getresponse()

    def leave(self) -> None:
        self.answer.close()
        self.connection.close()


def test_when_its_owner_leaves_another_takes_over(proxy: Signalbox, server: Upstream) -> None:
    server.pause, server.pieces = 0.05, [f"word {n} " for n in range(12)]
    body = question(stream=True)
    owner = Streaming(proxy, body)
    owner.answer.readline()
    other = Streaming(proxy, body)
    assert other.answer.getheader("x-signalbox-cache") == "joined"
    owner.leave()
    assert other.answer.read() == b"".join(chat_chunks(server.pieces))
    other.leave()
    assert len(server.asked) == 1
    assert not server.asked[0].closed.is_set()
    assert results(proxy, body) == ["hit"]


def test_when_all_leave_the_backend_stops_within_100_ms(proxy: Signalbox, server: Upstream) -> None:
    server.pause, server.pieces = 0.05, ["x"] * 200
    body = question(stream=True)
    clients = [Streaming(proxy, body) for _ in range(3)]
    for client in clients:
        client.answer.readline()
    left = time.perf_counter()
    for client in clients:
        client.leave()
    assert server.asked[0].closed.wait(2)
    assert server.asked[0].closed_at - left < 0.1
    server.pause, server.pieces = 0.0, ["y"]
    assert results(proxy, body) == ["miss"]


def test_a_client_that_reads_nothing_does_not_hold_up_the_others(proxy: Signalbox, server: Upstream) -> None:
    server.pieces = ["x" * 30_000] * 60  # 1.8 MB: more than sockets take by themselves
    gate = threading.Event()

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.01)
        await server.answer(request, writer)

    server.play = play
    body = question(stream=True)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("POST", CHAT, body, {"content-type": "application/json", "authorization": "Bearer ka"})
    time.sleep(0.1)
    with ThreadPoolExecutor(1) as pool:
        quick = pool.submit(chat, proxy, body)
        time.sleep(0.1)
        gate.set()
        answer = quick.result(5)
    assert answer[2] == b"".join(chat_chunks(server.pieces))
    assert connection.getresponse().read() == answer[2]  # and when it reads at last, it has missed nothing
    connection.close()
    assert len(server.asked) == 1


def test_a_failure_is_shared_and_all_move_on_together(proxy: Signalbox, server: Upstream, second: Upstream) -> None:
    async def fail(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        respond(writer, 503, {"error": {"message": "busy"}})

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        await second.answer(request, writer)

    server.play, second.play = fail, slowly
    body = question("two-of-them")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: chat(proxy, body), range(8)))
    assert {(status, headers["x-signalbox-backend"]) for status, headers, _ in answers} == {(200, "second")}
    assert (len(server.asked), len(second.asked)) == (1, 1)


def test_others_requests_are_not_joined(proxy: Signalbox, server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        await server.answer(request, writer)

    server.play = play
    body = question()
    with ThreadPoolExecutor(2) as pool:
        told = [answer[1]["x-signalbox-cache"] for answer in pool.map(lambda key: chat(proxy, body, key), ("ka", "kb"))]
    assert told == ["miss", "miss"]
    assert len(server.asked) == 2
