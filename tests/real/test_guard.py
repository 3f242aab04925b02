"""The guard on real sockets: one session that went wild is stopped, and all others go on."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Request, Upstream, chat_answer, respond

CHAT = "/v1/chat/completions"
RULES = """
version: 1
backends: {{b: {{url: "{url}", price: {{input: 1000000}}, context: 10000}}}}
routes: [{{name: all, to: b}}]
"""
SMALL = "guard: {{requests: 20/m, usd: 30/h}}\n"
OFF = "guard: false\n"


async def _answer(request: Request, writer: asyncio.StreamWriter) -> None:
    said = request.json["messages"][-1]["content"] if request.method == "POST" else ""
    if request.method == "GET":
        respond(writer, 404, {})
    elif said.startswith("full"):
        error = {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}
        respond(writer, 400, {"error": error})
    elif said.startswith(
        "stuck"
    ):  # what clients that compact were seen to loop on: a usage at the limit, again and again
        answer = chat_answer("summary")
        answer["usage"] = {"prompt_tokens": 9990, "completion_tokens": 2, "total_tokens": 9992}
        respond(writer, 200, answer)
    else:
        respond(writer, 200, chat_answer())


@pytest.fixture(autouse=True)
def _usual(server: Upstream) -> None:
    server.play = _answer
    server.requests.clear()


@pytest.fixture(scope="module")
def proxy(server: Upstream) -> Iterator[Signalbox]:
    with signalbox(RULES.format(url=server.url) + "guard: {usd: 1000000/h}\n", "--workers", "2") as running:
        yield running


class Client:
    """opencode's headers, one connection that is kept, and a session."""

    def __init__(self, proxy: Signalbox, session: str):
        self.connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        self.headers = {
            "content-type": "application/json",
            "user-agent": "opencode/1.18.33",
            "x-session-id": session,
        }

    def send(self, *said: str) -> tuple[int, str]:
        messages = [{"role": "user", "content": each} for each in said]
        self.connection.request("POST", CHAT, json.dumps({"model": "auto", "messages": messages}), self.headers)
        answer = self.connection.getresponse()
        told = json.loads(answer.read())
        return answer.status, told.get("error", {}).get("code", "")


@pytest.mark.parametrize("said", ["full of words", "stuck at the limit"])
def test_a_loop_of_six_hundred_a_minute_is_stopped_and_another_session_goes_on(
    proxy: Signalbox, server: Upstream, said: str
) -> None:
    wild, calm = Client(proxy, f"wild {said}"), Client(proxy, f"calm {said}")
    stop, seen = threading.Event(), []

    def loop() -> None:
        while not stop.is_set():
            seen.append((time.monotonic(), wild.send(said)[1]))
            time.sleep(0.1)

    thread = threading.Thread(target=loop)
    began = time.monotonic()
    thread.start()
    took = []
    while time.monotonic() - began < 20:
        asked = time.monotonic()
        assert calm.send(f"turn {asked}")[0] == 200
        took.append(time.monotonic() - asked)
        time.sleep(0.15)
    stop.set()
    thread.join()
    reached = [each for each in server.asked if each.json["messages"][-1]["content"] == said]
    assert len(reached) == 13  # 8 at once, 5 that were slowed, instead of 200
    assert seen[-1][1] == "loop_detected"
    assert sorted(took)[len(took) // 2] < 0.05
    assert wild.send("something else") == (200, "")
    time.sleep(2.1)
    assert wild.send(said)[1] != "loop_detected"


def test_who_leaves_while_it_is_slowed_is_forgotten(proxy: Signalbox, server: Upstream) -> None:
    client = Client(proxy, "leaves")
    for _ in range(8):
        client.send("full again")
    asked = len(server.asked)
    client.connection.request(
        "POST", CHAT, json.dumps({"messages": [{"role": "user", "content": "full again"}]}), client.headers
    )
    time.sleep(0.1)
    client.connection.close()
    time.sleep(1.0)
    assert len(server.asked) == asked


def test_the_bounds_of_a_session_are_its_own(server: Upstream) -> None:
    with signalbox(RULES.format(url=server.url) + SMALL.format()) as proxy:
        quick, dear, other = Client(proxy, "quick"), Client(proxy, "dear"), Client(proxy, "other")
        # At five dollars a request, the seventh finds thirty spent.
        assert [dear.send(f"turn {number}")[1] for number in range(7)] == [""] * 6 + ["session_limit_exceeded"]
        assert other.send("hello") == (200, "")
        told = [quick.send(str(number), "full of words")[1] for number in range(25)]
        assert told.count("session_limit_exceeded") == 5
        assert other.send("hello again") == (200, "")
        page = proxy.get("/metrics")[1]
        assert 'signalbox_limit_refusals_total{key="",limit="session_usd",route=""} 1.0' in page
        assert 'signalbox_limit_refusals_total{key="",limit="session_requests",route=""} 5.0' in page


def test_it_can_be_turned_off(server: Upstream) -> None:
    with signalbox(RULES.format(url=server.url) + OFF) as proxy:
        client = Client(proxy, "wild")
        assert {client.send("full of words")[1] for _ in range(40)} == {"context_length_exceeded"}


def test_a_job_that_sends_one_prompt_a_thousand_times_is_no_loop(proxy: Signalbox) -> None:
    sent = json.dumps({"messages": [{"role": "user", "content": "sample me"}]}).encode()
    began = time.monotonic()
    assert {post(proxy, CHAT, sent)[0] for _ in range(1000)} == {200}
    assert time.monotonic() - began < 60
