"""Clients that lie, vanish, dawdle, and come in thousands: what they get, and what they leave behind."""

from __future__ import annotations

import json
import resource
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.alive import Alive, Watched, by, resident, total, watched
from tests.faults.backend import Backend, Port
from tests.faults.clients import (
    HIDDEN,
    LIES,
    STAGES,
    Answer,
    Hearing,
    Lie,
    Stage,
    chat,
    connect,
    hear,
    heard,
    post,
    reset,
)
from tests.faults.faults import BOMB, FAULTS, GIGABYTE, JSON

NAMES = {
    "good": "good",
    "slow": "slow",
    "silent": "says nothing",
    "thinking": "thinks for a while",
    "deaf": "stops reading",
    "early": "answers before the body",
    "bomb": "sends a gzip bomb",
    "huge": "sends 1 GB",
    "endless": "sends 1 GB without a line end",
}
IDLE = 10_000


class Place:
    """A proxy before one backend of each kind, as it was at rest."""

    def __init__(self, proxy: Watched, ports: dict[str, Port]):
        self.proxy = proxy
        self.ports = ports
        self.port = proxy.proxy.port
        self.before: Alive = proxy.alive()

    def page(self) -> str:
        return self.proxy.proxy.get("/metrics")[1]

    def memory(self) -> float:
        return sum(map(resident, self.proxy.workers))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    backend = Backend()
    ports = {name: backend.port(FAULTS[fault]) for name, fault in NAMES.items()}
    slow = {"deaf": ", timeouts: {first_byte: 1, idle: 1}"}
    told = [f'  {n}: {{url: "{p.url}", model: m, price: 0{slow.get(n, "")}}}' for n, p in ports.items()]
    rules = "\n".join(["version: 1", "backends:", *told, "routes:", "  - {name: all, to: good}", ""])
    try:
        with watched(rules) as proxy:
            hear(proxy.proxy.port, post(chat("good")))
            yield Place(proxy, ports)
    finally:
        backend.end()


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(place: Place) -> Iterator[None]:
    """Of any test here: no task, no socket, no slot."""
    yield
    assert place.proxy.left_behind(place.before, 5) == ""


# -- lying -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_request_that_hides_another_is_refused_or_stays_one(lie: Lie, place: Place) -> None:
    good = place.ports["good"]
    good.asked.clear()
    answers = heard(place.port, lie.sent, patience=0.3)
    assert all(answer.status < 500 for answer in answers)
    if lie.refused:
        assert [answer.status for answer in answers] in ([400], [413], [431], [505])
        assert answers[0].headers["connection"] == "close"
        assert answers[0].error["message"]
        assert not good.asked
    assert len(good.asked) <= 1
    assert not any(b"smuggled" in asked.body for asked in good.asked)
    assert hear(place.port, post(chat("good"))) is not None


def test_a_hidden_request_sent_openly_is_a_request() -> None:
    """The other tests look for it in vain: here is what they would find."""
    assert b"smuggled" in HIDDEN


def test_trailers_do_not_pass_for_headers(place: Place) -> None:
    body = chat("good")
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    trailers = b"x-late: trailer\r\ncontent-type: text/plain\r\nauthorization: Bearer late\r\n"
    whole = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers)
    (answer,) = heard(place.port, whole, patience=0.3)
    assert answer.status == 200
    asked = place.ports["good"].asked[-1]
    assert (asked.header("x-late"), asked.header("content-type")) == ("", "application/json")


@pytest.mark.parametrize("where", ["head", "trailers"])
def test_a_line_that_never_ends_is_refused_and_not_kept(where: str, place: Place) -> None:
    before = place.memory()
    begun = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
    if where == "trailers":
        begun += b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    with connect(place.port) as client:
        client.sendall(begun + b"x-long: ")
        try:
            for _ in range(64):
                client.sendall(b"a" * (1 << 20))
        except ConnectionError:
            pass  # it was closed while there was more to say
        answer = Hearing(client).answer()
    assert answer is None or answer.status == 431
    assert place.memory() - before < 20


# -- vanishing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_client_that_leaves_is_worked_for_no_more(stage: Stage, how: str, place: Place) -> None:
    backend = "slow" if stage.name == "in the stream" else "silent"
    port, cancelled = place.ports[backend], total(place.page(), "signalbox_cancelled_total", by="client")
    asked, left = port.questions, len(port.left)
    client = connect(place.port)
    stage.go(client, backend)
    until = time.monotonic() + 2
    while stage.asks and port.questions == asked and time.monotonic() < until:
        time.sleep(0.005)
    assert (port.questions > asked) == stage.asks
    went = time.perf_counter()
    client.close() if how == "close" else reset(client)
    if not stage.asks:
        return
    until = time.monotonic() + 2
    while len(port.left) == left and time.monotonic() < until:
        time.sleep(0.002)
    assert port.left[-1] - went < 0.1
    time.sleep(0.05)
    assert total(place.page(), "signalbox_cancelled_total", by="client") == cancelled + 1
    assert _last_row(place)["outcome"] == "cancelled"


def _last_row(place: Place) -> sqlite3.Row:
    time.sleep(0.6)  # the ledger is written some times a second
    database = sqlite3.connect(place.proxy.proxy.rules.parent / "ledger.sqlite")
    database.row_factory = sqlite3.Row
    row: sqlite3.Row = database.execute("SELECT * FROM requests ORDER BY at DESC LIMIT 1").fetchone()
    database.close()
    return row


def test_an_upload_whose_client_leaves_is_broken_off_at_the_backend(place: Place) -> None:
    head = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\n"
    )
    begun = (
        head.encode() + b'content-length: 9000000\r\n\r\n--x\r\ncontent-disposition: form-data; name="model"\r\n\r\n'
    )
    asked = place.ports["good"].questions
    with connect(place.port) as client:
        client.sendall(begun + b'good\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n')
        client.sendall(b"a" * 200_000)
        time.sleep(0.2)
    time.sleep(0.1)
    assert place.ports["good"].questions == asked  # it has never seen the whole of it


# -- dawdling --------------------------------------------------------------------------------------------------------


@pytest.mark.alone
def test_1_gb_passes_to_a_quick_reader_in_bounded_memory(place: Place) -> None:
    before, most, came = place.memory(), 0.0, 0
    with connect(place.port) as client:
        client.settimeout(60)
        client.sendall(post(chat("huge", stream=True)))
        tail = b""
        while not tail.endswith(b"0\r\n\r\n"):
            piece = client.recv(1 << 20)
            assert piece
            if came >> 27 != (came + len(piece)) >> 27:
                most = max(most, place.memory())
            came += len(piece)
            tail = (tail + piece)[-64:]
    assert came > 0.99 * GIGABYTE
    assert b"[DONE]" in tail
    assert most - before < 40


@pytest.mark.alone
@pytest.mark.parametrize("model", ["huge", "endless"])
def test_a_slow_reader_makes_the_backend_wait_instead_of_filling_memory(model: str, place: Place) -> None:
    before, sent = place.memory(), place.ports[model].sent
    with connect(place.port, receive=8192) as client:
        client.sendall(post(chat(model, stream=True)))
        for _ in range(20):
            client.recv(1000)
            time.sleep(0.02)
        once = place.ports[model].sent
        time.sleep(0.3)
        assert place.ports[model].sent - once < 1 << 20
        assert once - sent < 32 << 20  # what the kernel's buffers hold
        assert place.memory() - before < 20


@pytest.mark.alone
def test_json_of_1_gb_is_given_up_before_it_fills_the_memory(place: Place) -> None:
    answer = hear(place.port, post(chat("huge")), patience=60)
    assert answer is not None
    assert answer.status in (502, 503)
    assert "larger than" in str(answer.error["message"])
    assert by(place.page(), "signalbox_attempts_total", "result", backend="huge")["broken"] == 1


def test_a_gzip_bomb_passes_as_it_is(place: Place) -> None:
    before = place.memory()
    answer = hear(place.port, post(chat("bomb")))
    assert answer is not None
    assert (answer.status, answer.headers["content-encoding"], answer.body) == (200, "gzip", BOMB)
    assert place.memory() - before < 10


def test_a_backend_that_stops_reading_is_given_up_in_its_time(place: Place) -> None:
    before = place.memory()
    began = time.perf_counter()
    answer = hear(place.port, post(chat("deaf", text="word " * 3_000_000)))
    assert answer is not None
    assert answer.status in (502, 503, 504)
    assert time.perf_counter() - began < 4
    assert by(place.page(), "signalbox_attempts_total", "result", backend="deaf") == {"timeout": 1}
    assert place.memory() - before < 150  # the body itself, some times over, and not for long


def test_a_backend_that_answers_before_it_has_the_body_is_heard(place: Place) -> None:
    answer = hear(place.port, post(chat("early", text="word " * 1_000_000)))
    assert answer is not None
    assert (answer.status, answer.error["message"]) == (413, "too large for me")


# -- many ------------------------------------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order_with_a_slow_one_first(place: Place) -> None:
    requests = [post(chat("thinking")), *[post(chat("good", text=str(n))) for n in range(20)]]
    requests.insert(5, b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
    answers = heard(place.port, b"".join(requests), patience=2)
    assert [answer.status for answer in answers] == [200] * 22
    assert [answer.body for answer in answers] == [*[JSON] * 5, b"ok", *[JSON] * 16]
    assert [answer.headers.get("x-signalbox-backend") for answer in answers][:2] == ["thinking", "good"]


def test_pipelined_requests_of_a_client_that_leaves_are_not_asked(place: Place) -> None:
    asked = place.ports["good"].questions
    with connect(place.port) as client:
        client.sendall(post(chat("silent")) + post(chat("good")) * 5)
        time.sleep(0.1)
    time.sleep(0.2)
    assert place.ports["good"].questions == asked


@pytest.mark.alone
def test_ten_thousand_idle_connections_cost_little_and_hold_up_nobody(place: Place) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE + 1000:
        pytest.skip(f"this machine allows {most:,} open files, and {IDLE + 1000:,} are needed")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    before = place.memory()
    idle: list[socket.socket] = []
    try:
        idle += [connect(place.port) for _ in range(IDLE)]
        until = time.monotonic() + 5
        while place.proxy.alive().clients < IDLE and time.monotonic() < until:
            time.sleep(0.1)
        assert place.proxy.alive().clients >= IDLE
        each = 1000 * (place.memory() - before) / IDLE
        began = time.perf_counter()
        answer = hear(place.port, post(chat("good")))
        assert answer is not None and answer.status == 200
        assert time.perf_counter() - began < 0.5
        assert each < 20, f"{each:.1f} kB each"
        idle[0].sendall(post(chat("good")))
        assert Hearing(idle[0]).answer() is not None
    finally:
        for client in idle:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


@pytest.mark.alone
def test_clients_that_read_nothing_hold_up_nobody(place: Place) -> None:
    lazy = [connect(place.port, receive=4096) for _ in range(30)]
    for client in lazy:
        client.sendall(post(chat("endless", stream=True)))
    sent = -1
    while sent != (sent := place.ports["endless"].sent):
        time.sleep(0.3)  # until all buffers are full
    times: list[float] = []

    def ask() -> None:
        began = time.perf_counter()
        answer: Answer | None = hear(place.port, post(chat("good")))
        assert answer is not None and json.loads(answer.body)["object"] == "chat.completion"
        times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    for client in lazy:
        reset(client)
    assert len(times) == 10
    assert max(times) < 1.0
