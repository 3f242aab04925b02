"""The same faults of a backend, as a client of another dialect sees them, for whom its answers are translated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from router.wire.sse import event_data, split_events
from tests.faults.alive import watched
from tests.faults.backend import Backend
from tests.faults.clients import Answer, hear, post
from tests.faults.faults import FAULTS, PIECES
from tests.faults.promises import PROMISES, Promise

TIMEOUTS = "{connect: 0.5, first_byte: 0.8, first_content: 0.8, idle: 0.8, total: 5}"
DIALECTS = ("/v1/messages", "/v1/responses")
ENDS = {"/v1/messages": "message_stop", "/v1/responses": "response.completed"}
SAME = ("has a", "trickles", "resets at")
CHOSEN = [promise for promise in PROMISES if not promise.probed and not promise.fault.startswith(SAME)]
"""Faults of connections and heads are the same for every dialect, and so is slowness."""

Seen = tuple[str, Answer | None, Answer | None]
"""Path, what a client saw whose route has another candidate, and one that named the backend itself."""


@pytest.fixture(scope="module")
def seen(certificate: str) -> Iterator[dict[str, Seen]]:
    backend = Backend(certificate)
    good = backend.port(FAULTS["good"])
    ports = [backend.port(FAULTS[promise.fault]) for promise in CHOSEN]
    rules = ["version: 1", "backends:", f'  good: {{url: "{good.url}", model: m, price: 0}}']
    rules += [
        f'  b{number}: {{url: "{port.url}", model: m, price: 0, timeouts: {TIMEOUTS}}}'
        for number, port in enumerate(ports)
    ]
    rules.append("routes:")
    rules += [
        f'  - {{name: "{number}", when: {{model: "b{number} or good"}}, to: [b{number}, good]}}'
        for number in range(len(ports))
    ]

    def play(number: int) -> tuple[str, Seen]:
        path = DIALECTS[number % 2]
        asked, alone = (
            hear(proxy.proxy.port, post(_body(path, model, CHOSEN[number].stream), path))
            for model in (f"b{number} or good", f"b{number}")
        )
        return CHOSEN[number].name, (path, asked, alone)

    try:
        with watched("\n".join(rules) + "\n") as proxy, ThreadPoolExecutor(48) as threads:
            yield dict(threads.map(play, range(len(CHOSEN))))
    finally:
        backend.end()


@pytest.mark.parametrize("promise", CHOSEN, ids=lambda promise: promise.name)
def test_each_fault_comes_to_what_is_promised_in_every_dialect(promise: Promise, seen: dict[str, Seen]) -> None:
    path, asked, alone = seen[promise.name]
    assert asked is not None and alone is not None, "a connection was closed without an answer"
    if promise.must == "be cut":
        for answer in (asked, alone):
            assert (answer.status, answer.whole) == (200, False)
            assert PIECES[0].encode() in answer.body
            assert not _finished(answer, path)
    elif promise.must == "be shown":
        for answer in (asked, alone):
            assert answer.status == promise.status
            _is_error(answer, path)
    elif promise.must == "move on" or promise.fault == "answers in gzip":  # what is not asked for is not translated
        assert (asked.status, asked.headers["x-signalbox-backend"]) == (200, "good")
        assert _finished(asked, path, promise.stream)
        assert alone.status == promise.status or (not promise.status and alone.status >= 429)
        _is_error(alone, path)
    else:
        for answer in (asked, alone):
            assert answer.status == 200
            assert _finished(answer, path, promise.stream)
            assert answer.headers["x-signalbox-backend"] != "good"


def _body(path: str, model: str, stream: bool) -> bytes:
    turns = [{"role": "user", "content": model}]
    said = {"messages": turns, "max_tokens": 10} if path == "/v1/messages" else {"input": turns}
    return json.dumps({"model": model, "stream": stream, **said}).encode()


def _finished(answer: Answer, path: str, stream: bool = True) -> bool:
    if not stream:
        return json.loads(answer.body)["type" if path == "/v1/messages" else "object"] in ("message", "response")
    events, _ = split_events(answer.body)
    kinds = [json.loads(event_data(event))["type"] for event in events if event_data(event)]
    return bool(kinds) and kinds[-1] == ENDS[path]


def _is_error(answer: Answer, path: str) -> None:
    told = json.loads(answer.body)
    assert told["error"]["message"]
    assert path != "/v1/messages" or told["type"] == "error"
