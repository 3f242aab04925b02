"""What of an attempt speaks of the server, and what does not."""

from __future__ import annotations

import email.utils
import time

import pytest

from router.backends.circuit import Circuit
from router.backends.contract import Plain
from router.backends.trial import Trial, begin
from router.config.backend import Circuit as Settings
from router.config.facts import Facts
from router.wire.retry_after import retry_after

ONCE = Settings(failures=1)


def trial(last: bool = False, chosen: Settings = ONCE) -> tuple[Circuit, Trial]:
    circuit = Circuit(Facts("b", "http"), chosen)
    begun = begin(circuit, last)
    assert begun is not None
    return circuit, begun


def answer(status: int, **headers: str) -> Plain:
    return Plain(b"{}", status, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


@pytest.mark.parametrize("reason", ["connect", "tls", "timeout", "broken", "malformed", "status 500", "status 429"])
def test_what_speaks_of_the_server_counts(reason: str) -> None:
    circuit, begun = trial()
    begun.over(reason, "words", None, came=False)
    assert circuit.state == "open"
    assert circuit.take() == [(reason, 1)]


@pytest.mark.parametrize(
    "reason", ["full", "refused", "down", "rejected", "context", "beaten", "status 408", "status 409"]
)
def test_what_speaks_of_the_request_or_of_our_own_queue_does_not(reason: str) -> None:
    circuit, begun = trial()
    begun.over(reason, "words", None, came=False)
    assert circuit.state == "closed"


@pytest.mark.parametrize("shown", [False, True])
def test_429_to_a_clients_own_key_says_nothing_of_the_server(shown: bool) -> None:
    circuit = Circuit(Facts("b", "http"), ONCE, clock=lambda: now)
    now = 0.0
    begun = begin(circuit, last=False, own_key=True)
    assert begun is not None
    refused = answer(429, retry_after="60")
    begun.over(None if shown else "status 429", "", refused, came=shown, wait=60.0)
    assert circuit.state == "closed"
    begun.over("status 500", "", answer(500), came=False)
    now = 10.0
    probe = begin(circuit, last=False, own_key=True)
    assert probe is not None and begin(circuit, last=False) is None
    probe.over("status 429", "", refused, came=False, wait=60.0)
    assert circuit.state == "half-open"
    assert begin(circuit, last=False) is not None  # the next may try it


@pytest.mark.parametrize(("status", "state"), [(500, "open"), (503, "open"), (429, "open"), (501, "closed")])
def test_an_error_of_the_server_counts_also_where_the_client_is_shown_it(status: int, state: str) -> None:
    circuit, begun = trial()
    begun.over(None, "", answer(status), came=True)
    assert circuit.state == state


@pytest.mark.parametrize("status", [200, 400, 401, 404, 422])
def test_an_answer_closes_it_also_one_that_shows_the_client_its_mistake(status: int) -> None:
    circuit, begun = trial()
    begun.over("timeout", "", None, came=False)
    forced = begin(circuit, last=True)
    assert forced is not None
    forced.over(None, "", answer(status), came=True)
    assert circuit.state == "closed"


def test_a_client_that_leaves_before_anything_came_proves_nothing() -> None:
    circuit, begun = trial()
    begun.over("timeout", "", None, came=False)
    for given in (None, answer(200)):
        forced = begin(circuit, last=True)
        assert forced is not None
        forced.over(None, "", given, came=False)
    assert circuit.state == "open"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_the_pause_after_429_and_503(status: int) -> None:
    circuit, begun = trial(chosen=Settings(failures=50))
    begun.over(f"status {status}", "", answer(status, retry_after="30"), came=False)
    assert circuit.state == "open"
    assert str(circuit.why()).startswith(
        (
            "circuit open for another 30 s",
            "circuit open for another 31 s",
            "circuit open for another 32 s",
            "circuit open for another 33 s",
        )
    )


def test_without_it_or_with_another_status_one_failure_is_one_failure() -> None:
    for given in (answer(429), answer(429, retry_after="0"), answer(500, retry_after="30")):
        circuit, begun = trial(chosen=Settings(failures=2))
        begun.over(f"status {given.status}", "", given, came=False)
        assert circuit.state == "closed"


def test_a_failures_own_words_are_quoted_only_where_they_cannot_repeat_what_was_asked() -> None:
    circuit, begun = trial()
    begun.over("connect", "cannot connect to 127.0.0.1:9: connection refused", None, came=False)
    assert "connection refused" in str(circuit.why())
    for reason in ("broken", "timeout", "malformed", "status 500"):
        circuit, begun = trial()
        begun.over(reason, "you asked: my secret", None, came=False)
        assert "secret" not in str(circuit.why())


def test_without_a_circuit_nothing_is_ever_held_back() -> None:
    for _ in range(20):
        begun = begin(None, last=False)
        assert begun is not None
        begun.over("connect", "", None, came=False)


def half_open() -> tuple[Circuit, Trial]:
    """A circuit that has failed, and the one attempt that tries it."""
    circuit = Circuit(Facts("b", "http"), ONCE, clock=lambda: now)
    now = 0.0
    begun = begin(circuit, last=False)
    assert begun is not None
    begun.over("timeout", "", None, came=False)
    now = 10.0
    probe = begin(circuit, last=False)
    assert probe is not None
    return circuit, probe


@pytest.mark.anyio
async def test_the_one_that_tries_closes_it_with_its_first_piece_and_not_at_its_end() -> None:
    circuit, probe = half_open()
    watched, came = probe.watched(Plain(b"piece", 200)), []

    def sink(data: bytes) -> None:
        came.append((data, circuit.state))

    assert circuit.state == "half-open"
    await watched.pipe(sink)
    assert came == [(b"piece", "closed")]
    probe.over("broken", "cut afterwards", watched, came=True)
    assert circuit.state == "closed"


@pytest.mark.anyio
async def test_an_answer_that_the_backend_did_not_give_closes_nothing() -> None:
    circuit, probe = half_open()
    joined = probe.watched(Plain(b"piece", 200), lambda: False)
    await joined.pipe(lambda data: None)
    probe.over(None, "", joined, came=False)
    assert circuit.state == "half-open"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ([], None),
        ([(b"retry-after", b"12")], 12.0),
        ([(b"retry-after", b" 1.5 ")], 1.5),
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"1")], 0.25),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", b"-3")], None),
        ([(b"retry-after", b"Thu, 01 Jan 1970 00:00:00 GMT")], 0.0),
        ([(b"retry-after", b"9" * 40)], None),
    ],
)
def test_retry_after_is_read_in_seconds_milliseconds_or_as_a_date(
    headers: list[tuple[bytes, bytes]], wait: float | None
) -> None:
    assert retry_after(headers) == wait


def test_a_date_is_how_long_it_is_until_then() -> None:
    text = email.utils.formatdate(time.time() + 60, usegmt=True).encode()
    found = retry_after([(b"retry-after", text)])
    assert found is not None and 55 < found <= 60
