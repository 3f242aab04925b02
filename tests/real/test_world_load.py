"""The embedded yard under a load of which a third is cancelled: nothing stays behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest

pytest.importorskip("llama_cpp")

from bench.yard_asked import Question, questions
from router.world.yard.model import DECODER, SHIPPED
from tests.signalbox import Signalbox, signalbox

pytestmark = [
    pytest.mark.real,
    pytest.mark.alone,
    pytest.mark.skipif(not (SHIPPED / DECODER).is_file(), reason="no trained yard is shipped yet"),
]

CHAT = "/v1/chat/completions"
PARALLEL, QUEUE = 4, 20
RULES = (
    f"version: 1\nbackends:\n  yard: {{kind: world, parallel: {PARALLEL}, queue: {QUEUE}}}\n"
    "routes:\n  - {name: states, when: {task: world}, to: yard}\n"
)
CONNECTIONS = 8
EACH = 50
"""Requests of a connection, in one half of the load."""
QUESTIONS = 80
MOST_GROWTH = 3.0
"""MB."""
FRESH = Question(
    "Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F. "
    "What does the yard look like after the last wagon of track 3 goes to track 2?",
    "Track 1: A D. Track 2: C. Track 3: B. Track 4: E F.",
)


@dataclass
class Client:
    """One connection, which is opened anew after each request that it left."""

    proxy: Signalbox
    draw: random.Random
    alone: dict[Question, str]
    """What is said to each question when nothing else is asked."""
    answered: int = 0
    left: int = 0
    wrong: list[str] = field(default_factory=list)

    def load(self) -> Client:
        """Ask, plain or streamed by chance; leave a third at a random moment."""
        connection = self._connected()
        for question in self.draw.choices(list(self.alone), k=EACH):
            stream = self.draw.random() < 0.5
            connection.request("POST", CHAT, body(question, stream))
            if self.draw.random() < 1 / 3:
                self._leave(connection, stream)
                connection = self._connected()
            else:
                self._hear(connection, question, stream)
        connection.close()
        return self

    def _connected(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.proxy.port, timeout=20)

    def _leave(self, connection: HTTPConnection, stream: bool) -> None:
        """Before anything has come, or after some of it."""
        self.left += 1
        time.sleep(self.draw.random() * 0.01)
        if stream and self.draw.random() < 0.5:
            connection.getresponse().read(self.draw.randrange(1, 900))
        connection.close()

    def _hear(self, connection: HTTPConnection, question: Question, stream: bool) -> None:
        answer = connection.getresponse()
        text = answer.read().decode()
        said = content(text, stream) if answer.status == 200 else ""
        self.answered += 1
        if said != self.alone[question]:
            self.wrong.append(f"{answer.status}, stream {stream}: {question.text} {text}")


def body(question: Question, stream: bool) -> bytes:
    messages = [{"role": "user", "content": question.text}]
    return json.dumps({"model": "auto", "messages": messages, "stream": stream}).encode()


def content(text: str, stream: bool) -> str:
    """What an answer says; of a stream, only when it is whole."""
    if not stream:
        return str(json.loads(text)["choices"][0]["message"]["content"])
    *events, done = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    assert done == "[DONE]"
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Signalbox]:
    with signalbox(RULES) as running:
        yield running
        assert "request failed" not in running.log.read_text(), running.log.read_text()


def child(proxy: Signalbox) -> int:
    """The one process that the proxy has started."""
    found = subprocess.run(["pgrep", "-P", str(proxy.process.pid)], capture_output=True, text=True, check=True).stdout
    (pid,) = found.split()
    return int(pid)


def resident(pid: int) -> float:
    """MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def in_flight(proxy: Signalbox) -> int:
    name = "signalbox_requests_in_flight "
    line = next(line for line in proxy.get("/metrics")[1].splitlines() if line.startswith(name))
    return round(float(line.removeprefix(name)))


def eventually_in_flight(proxy: Signalbox, count: int, patience: float = 5) -> None:
    until = time.monotonic() + patience
    while (found := in_flight(proxy)) != count:
        assert time.monotonic() < until, f"{found} requests are in flight, not {count}"
        time.sleep(0.01)


def half(proxy: Signalbox, alone: dict[Question, str], number: int) -> tuple[int, int, list[str]]:
    """Half of the load, at once on all connections: requests answered, left, and answered otherwise than alone."""
    clients = [Client(proxy, random.Random(f"{number} {client}"), alone) for client in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        jobs = [threads.submit(client.load) for client in clients]
        done = [job.result(30) for job in jobs]
    return sum(c.answered for c in done), sum(c.left for c in done), [fault for c in done for fault in c.wrong]


def one(proxy: Signalbox, question: Question, stream: bool) -> tuple[int, str]:
    """Status and words of a request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    connection.request("POST", CHAT, body(question, stream))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, content(text, stream) if answer.status == 200 else text


def test_a_load_with_cancels_is_answered_as_each_request_alone_and_the_memory_stays_flat(proxy: Signalbox) -> None:
    before, pid = 0.0, child(proxy)
    alone = {question: one(proxy, question, False)[1] for question in questions(QUESTIONS)}
    assert sum(question.state in said for question, said in alone.items()) > 0.9 * QUESTIONS
    for number in (1, 2):
        answered, left, wrong = half(proxy, alone, number)
        assert not wrong, wrong[0]
        assert answered + left == CONNECTIONS * EACH and left > CONNECTIONS * EACH / 5
        eventually_in_flight(proxy, 0)
        before = before or resident(pid)
    assert child(proxy) == pid, "another process answers now"
    assert resident(pid) <= before + MOST_GROWTH


def test_after_the_load_every_slot_and_every_place_in_the_queue_is_free(proxy: Signalbox) -> None:
    eventually_in_flight(proxy, 0)
    asked, pid = questions(PARALLEL + QUEUE), child(proxy)
    os.kill(pid, signal.SIGSTOP)  # nobody is answered: each request keeps what it was given
    with ThreadPoolExecutor(len(asked)) as threads:
        jobs = [threads.submit(one, proxy, question, bool(n % 2)) for n, question in enumerate(asked)]
        try:
            eventually_in_flight(proxy, len(asked))
            assert one(proxy, asked[0], False)[0] == 503, "there was room for one more"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert [job.result(20)[0] for job in jobs] == [200] * len(asked)
    eventually_in_flight(proxy, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_fresh_request_after_the_load_is_answered_rightly(proxy: Signalbox, stream: bool) -> None:
    status, said = one(proxy, FRESH, stream)
    assert status == 200 and FRESH.state in said
