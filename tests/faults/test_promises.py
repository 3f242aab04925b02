"""What a backend's fault comes to: what the client sees, what the record says, which counters move; for each fault.

All of them are played once, some at a time; then each test looks at its own.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults.alive import Watched, by, total, watched
from tests.faults.backend import Backend, Port
from tests.faults.clients import Answer, chat, hear, post
from tests.faults.faults import EVENTS, FAULTS, PIECES
from tests.faults.promises import PROMISES, Promise

TIMEOUTS = "{connect: 0.5, first_byte: 0.8, first_content: 0.8, idle: 0.8, total: 5}"
PATIENCE = 4.0
"""Seconds within which every client must know."""


@dataclass(repr=False)
class Played:
    """One promise: a client whose route has another candidate, and then one that named the backend itself."""

    promise: Promise
    backend: str
    port: Port
    asked: Answer | None = None
    alone: Answer | None = None
    seconds: float = 0.0
    """The slower of both."""


@dataclass(repr=False)
class Laboratory:
    """All that was played, and what was then known of it."""

    played: dict[str, Played]
    rows: dict[str, sqlite3.Row]
    lines: dict[str, dict[str, object]]
    page: str
    left: str
    good: Port

    def row(self, answer: Answer) -> sqlite3.Row:
        """The ledger's."""
        return self.rows[answer.headers["x-request-id"]]


def _rules(played: list[Played], good: Port) -> str:
    lines = ["version: 1", "backends:", f'  good: {{url: "{good.url}", model: m, price: 0}}']
    lines += [f'  {b.backend}: {{url: "{b.port.url}", model: m, price: 0, timeouts: {TIMEOUTS}}}' for b in played]
    lines.append("routes:")
    for one in played:
        model = f"{one.backend} or good"
        lines.append(f'  - {{name: "{model}", when: {{model: "{model}"}}, to: [{one.backend}, good]}}')
    return "\n".join(lines) + "\n"


def _play(port: int, one: Played) -> None:
    stream = one.promise.stream
    for model in (f"{one.backend} or good", one.backend):
        began = time.perf_counter()
        answer = hear(port, post(chat(model, stream=stream, text=model)))
        one.seconds = max(one.seconds, time.perf_counter() - began)
        if model == one.backend:
            one.alone = answer
        else:
            one.asked = answer


def _ledger(lab: Watched, wanted: int) -> dict[str, sqlite3.Row]:
    until = time.monotonic() + 5
    while True:
        database = sqlite3.connect(lab.proxy.rules.parent / "ledger.sqlite")
        database.row_factory = sqlite3.Row
        rows = {row["id"]: row for row in database.execute("SELECT * FROM requests")}
        database.close()
        if len(rows) >= wanted or time.monotonic() > until:
            return rows
        time.sleep(0.1)


def _lines(lab: Watched) -> dict[str, dict[str, object]]:
    told = [json.loads(line) for line in lab.proxy.log.read_text().splitlines() if line.startswith("{")]
    return {line["id"]: line for line in told if "id" in line}


@pytest.fixture(scope="module")
def lab(certificate: str) -> Iterator[Laboratory]:
    backend = Backend(certificate)
    good = backend.port(FAULTS["good"])
    played = [
        Played(promise, f"b{number}", backend.port(FAULTS[promise.fault])) for number, promise in enumerate(PROMISES)
    ]
    try:
        with watched(_rules(played, good)) as proxy:
            hear(proxy.proxy.port, post(chat("good")))
            before = proxy.alive()
            with ThreadPoolExecutor(16) as threads:
                list(threads.map(lambda one: _play(proxy.proxy.port, one), played))
            page = proxy.proxy.get("/metrics")[1]
            rows, left = _ledger(proxy, 2 * len(played) + 1), proxy.left_behind(before, 5)
            yield Laboratory({one.promise.name: one for one in played}, rows, _lines(proxy), page, left, good)
    finally:
        backend.end()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_each_fault_comes_to_what_is_promised(promise: Promise, lab: Laboratory) -> None:
    one = lab.played[promise.name]
    assert one.asked is not None and one.alone is not None, "a connection was closed without an answer"
    assert one.seconds < PATIENCE
    for answer in (one.asked, one.alone):
        assert not {"location", "x-secret", "x-foreign"} & answer.headers.keys()
    {
        "move on": _moved_on,
        "be cut": _was_cut,
        "be shown": _was_shown,
        "be whole": _was_whole,
        "bring all": _brought_all,
    }[promise.must](one, lab)
    for answer in (one.asked, one.alone):
        row, line = lab.row(answer), lab.lines[answer.headers["x-request-id"]]
        assert (row["outcome"], row["backend"], row["status"]) == (line["outcome"], line["backend"], line["status"])
        assert row["status"] == answer.status


def _moved_on(one: Played, lab: Laboratory) -> None:
    asked, alone, promise = one.asked, one.alone, one.promise
    assert asked is not None and alone is not None
    assert (asked.status, asked.headers["x-signalbox-backend"], asked.whole) == (200, "good", True)
    assert asked.body == b"".join(EVENTS) if promise.stream else json.loads(asked.body)["object"] == "chat.completion"
    assert alone.whole
    assert alone.status == promise.status or (promise.status == 0 and alone.status in (429, 502, 503, 504))
    assert alone.error["message"]
    assert promise.status or f"{one.backend}:" in str(alone.error["message"])
    assert (lab.row(asked)["outcome"], lab.row(asked)["backend"]) == ("ok", "good")
    assert lab.row(alone)["outcome"] != "ok" or promise.status
    results = _results(lab, one.backend)
    assert "ok" not in results or promise.status  # what is shown for want of another has answered
    assert promise.reason in results or not promise.reason or promise.probed
    assert results or promise.probed
    if not promise.probed:
        assert lab.row(asked)["attempts"] == 2
        assert total(lab.page, "signalbox_fallbacks_total", **{"from": one.backend, "to": "good"}) == 1


def _was_cut(one: Played, lab: Laboratory) -> None:
    for answer in (one.asked, one.alone):
        assert answer is not None
        assert (answer.status, answer.headers["x-signalbox-backend"], answer.whole) == (200, one.backend, False)
        assert PIECES[0].encode() in answer.body
        assert b"[DONE]" not in answer.body
        assert lab.row(answer)["outcome"] == "broken"
        assert lab.row(answer)["attempts"] == 1
    assert not any(f'"{one.backend} or good"'.encode() in asked.body for asked in lab.good.asked)
    results = _results(lab, one.backend)
    assert "ok" not in results
    assert one.promise.reason in results or not one.promise.reason
    assert total(lab.page, "signalbox_streams_broken_total", backend=one.backend, content="after") == 2


def _was_shown(one: Played, lab: Laboratory) -> None:
    for answer in (one.asked, one.alone):
        assert answer is not None
        assert (answer.status, answer.headers["x-signalbox-backend"]) == (one.promise.status, one.backend)
        assert answer.error["message"] == f"scripted {one.promise.status}"
        assert lab.row(answer)["attempts"] == 1


def _was_whole(one: Played, lab: Laboratory) -> None:
    _brought_all(one, lab)
    for answer in (one.asked, one.alone):
        assert answer is not None
        assert answer.whole
        assert lab.row(answer)["outcome"] == "ok"
    assert _results(lab, one.backend) == {"ok": 2}


def _brought_all(one: Played, lab: Laboratory) -> None:
    for answer in (one.asked, one.alone):
        assert answer is not None
        assert (answer.status, answer.headers["x-signalbox-backend"]) == (200, one.backend)
        assert answer.body == one.promise.body
        assert lab.row(answer)["attempts"] == 1


def _results(lab: Laboratory, backend: str) -> dict[str, float]:
    return by(lab.page, "signalbox_attempts_total", "result", backend=backend)


def test_after_all_of_them_nothing_is_left_behind(lab: Laboratory) -> None:
    assert lab.left == ""


def test_every_fault_that_a_client_can_ask_for_is_promised_something() -> None:
    promised = {promise.fault for promise in PROMISES}
    others = {"slow", "has no chunk after its first content"}
    assert {name for name, fault in FAULTS.items() if fault.clients} - others == promised
