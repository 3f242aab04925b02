"""The guard: hammering is slowed and stopped, work is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router.commands.recorded import read_recorded
from router.config.facts import Facts
from router.config.limits import Guard as Settings
from router.limits.guard import DELAYS, PAUSE, Guard, _digest
from router.refusal import Refusal
from router.request.envelope import Envelope, Headers
from router.request.signals import Signals
from router.telemetry.record import Cost, Record, Tokens
from tests.captures import needed

CHAT = "/v1/chat/completions"
FREE = Settings().repeats
FACTS = {"b": Facts("b", "http", context=1000), "of unknown context": Facts("of unknown context", "http")}
AGENT = {"user-agent": "opencode/1.18.33"}


class Client:
    """One that sends turns to a guard, on a clock that stands still but for what it is told."""

    def __init__(self, guard: Guard, clock: list[float], session: str = "s1", headers: dict[str, str] = AGENT):
        self.guard, self.clock = guard, clock
        self.headers = Headers.of({**headers, "x-session-id": session} if session else headers)

    def send(
        self, *said: str, status: int = 200, gap: float = 0.1, took: float = 0.05, path: str = CHAT, **more: Any
    ) -> float:
        """The seconds for which it was held. Raises Refusal."""
        self.clock[0] += gap
        data = {"messages": [{"role": "user", "content": each} for each in said], **more.pop("body", {})}
        signals = Signals(Envelope(path, data, self.headers))
        record = Record("r", path, self.clock[0])
        retry_after = more.pop("retry_after", None)
        try:
            held = self.guard.enter(signals, record)
        except Refusal as refusal:
            record.status, record.outcome = refusal.status, "refused"
            self.guard.ended(signals, record, FACTS)
            raise
        seconds = 0.0
        if held is not None:
            seconds = held.cr_frame.f_locals["seconds"]  # type: ignore[attr-defined]
            held.close()  # type: ignore[attr-defined]
        self.clock[0] += seconds + took
        record.status, record.retry_after, record.backend = status, retry_after, "b"
        record.outcome = "ok" if status < 400 else "failed"
        record.tokens = more.pop("tokens", Tokens(10, 5) if status < 400 else None)
        for name, value in more.items():
            setattr(record, name, value)
        self.guard.ended(signals, record, FACTS)
        return seconds


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def guard(clock: list[float]) -> Guard:
    return Guard(Settings(), lambda: clock[0])


@pytest.fixture
def client(guard: Guard, clock: list[float]) -> Client:
    return Client(guard, clock)


def test_a_failing_turn_that_comes_again_and_again_is_slowed_and_then_refused(client: Client) -> None:
    assert [client.send("fix it", status=500) for _ in range(FREE)] == [0.0] * FREE
    assert [client.send("fix it", status=500) for _ in DELAYS] == list(DELAYS)
    for _ in range(50):
        with pytest.raises(Refusal) as caught:
            client.send("fix it", status=500)
    assert (caught.value.status, caught.value.code) == (400, "loop_detected")
    assert "change it, or wait" in caught.value.message and "status 500" in caught.value.message


@pytest.mark.parametrize(
    "failing",
    [
        {"status": 400},
        {"status": 429},
        {"outcome": "broken"},
        {"tokens": Tokens(10, 0)},
        {"tokens": Tokens(900, 80), "finish_reason": "length"},
        {"tokens": Tokens(980, 3)},
    ],
    ids=["client error", "too many", "broken", "empty", "no room", "context full"],
)
def test_each_way_to_fail_counts(client: Client, failing: dict[str, Any]) -> None:
    for _ in range(FREE):
        client.send("again", **failing)
    assert client.send("again", **failing) == DELAYS[0]


@pytest.mark.parametrize("reason", ["length", "max_tokens"])
@pytest.mark.parametrize(
    ("tokens", "backend"),
    [(Tokens(10, 16), "b"), (Tokens(900, 50), "b"), (Tokens(10, 16), "of unknown context"), (Tokens(9000, 1), "gone")],
)
@pytest.mark.parametrize("body", [{"max_tokens": 16}, {"max_tokens": 4096}, {}], ids=str)
def test_an_answer_whose_length_somebody_has_limited_is_no_failure(
    body: dict[str, Any], tokens: Tokens, backend: str, reason: str, client: Client
) -> None:
    """The client, the route's `set`, or the server: only where the context is full would the next one be cut too."""
    cut = {"tokens": tokens, "finish_reason": reason, "backend": backend, "body": body}
    assert not any(client.send("measure me", **cut) for _ in range(100))


@pytest.mark.parametrize("odd", ["half \ud800 a pair", 1 << 80, "deep"])
def test_a_turn_that_orjson_does_not_write_is_known_again(client: Client, odd: Any) -> None:
    def said() -> Any:
        deep: list[Any] = [odd]
        for _ in range(1000 if odd == "deep" else 1):
            deep = [deep]
        return {"messages": [{"role": "user", "content": deep}]}

    for _ in range(FREE):
        client.send(status=500, body=said())
    assert client.send(status=500, body=said()) == DELAYS[0]


def test_a_pause_resets_it(client: Client) -> None:
    for _ in range(FREE + len(DELAYS)):
        client.send("fix it", status=500)
    with pytest.raises(Refusal):
        client.send("fix it", status=500)
    assert client.send("fix it", status=500, gap=PAUSE) == 0.0


def test_another_turn_goes_on_at_once(client: Client) -> None:
    for _ in range(FREE + len(DELAYS)):
        client.send("fix it", status=500)
    assert client.send("fix it", "with what the tool said") == 0.0


def test_two_turns_that_take_turns_are_a_loop_too(client: Client) -> None:
    for _ in range(FREE):
        client.send("summarise", tokens=Tokens(980, 3))
        client.send("go on", status=400)
    assert client.send("summarise", status=400) == DELAYS[0]
    assert client.send("go on", status=400) == DELAYS[0]


def test_success_ends_it(client: Client) -> None:
    for _ in range(FREE + 2):
        client.send("fix it", status=500)
    client.send("fix it")
    assert [client.send("fix it", status=500) for _ in range(FREE)] == [0.0] * FREE


def test_who_keeps_to_retry_after_is_never_held(client: Client) -> None:
    assert not any(client.send("later", status=429, retry_after=1.0, gap=1.0) for _ in range(200))


def test_back_off_as_clients_have_it_is_never_held(client: Client) -> None:
    gaps = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0] + [2.0] * 100
    assert not any(client.send("later", status=503, gap=gap) for gap in gaps)


def test_many_at_once_that_fail_together_are_one_try(client: Client, guard: Guard, clock: list[float]) -> None:
    sent = []
    for _ in range(100):
        signals = Signals(Envelope(CHAT, {"messages": [{"role": "user", "content": "sample"}]}, client.headers))
        record = Record("r", CHAT, clock[0], status=503, outcome="failed")
        assert guard.enter(signals, record) is None
        sent.append((signals, record))
    clock[0] += 0.5
    for signals, record in sent:
        guard.ended(signals, record, FACTS)
    assert client.send("sample", status=503) == 0.0


def test_a_client_that_leaves_has_not_failed(client: Client) -> None:
    assert not any(client.send("hm", status=499, outcome="cancelled") for _ in range(50))


def test_sessions_and_keys_are_apart(client: Client, guard: Guard, clock: list[float]) -> None:
    for _ in range(FREE + 3):
        client.send("fix it", status=500)
    assert Client(guard, clock, "s2").send("fix it", status=500) == 0.0


def test_a_fast_agent_with_many_different_turns_is_never_hit(client: Client) -> None:
    """A minute of an agent at 4 turns a second, a third of which fail, full context and all."""
    said: list[str] = []
    for number in range(240):
        said.append(f"tool result {number}")
        failing = {"status": 400} if number % 3 == 0 else {"tokens": Tokens(990, 1), "finish_reason": "length"}
        assert client.send(*said, gap=0.2, **failing) == 0.0


def test_more_requests_than_the_bound_are_refused_until_there_is_room(client: Client) -> None:
    most = int(Settings().requests.amount)
    for number in range(most):
        client.send(f"turn {number}", gap=0.01, took=0.01)
    with pytest.raises(Refusal) as caught:
        client.send("one more")
    assert (caught.value.status, caught.value.code) == (400, "session_limit_exceeded")
    client.clock[0] += 62
    assert client.send("one more") == 0.0


def test_more_dollars_than_the_bound_are_refused(client: Client) -> None:
    usd = Settings().usd.amount
    client.send("dear", cost=Cost(usd - 0.01, "reported"))
    client.send("dearer", cost=Cost(0.01, "reported"))
    with pytest.raises(Refusal, match="US dollars"):
        client.send("one more")


def test_what_an_unknown_program_begins_alike_has_no_bounds(guard: Guard, clock: list[float]) -> None:
    job = Client(guard, clock, "", {"user-agent": "OpenAI/Python 3.52.0"})
    assert not any(job.send("sample", gap=0.0, took=0.001) for _ in range(5000))


def test_embeddings_are_no_conversation(client: Client) -> None:
    assert not any(client.send("x", path="/v1/embeddings", gap=0.001, took=0.001) for _ in range(5000))


def test_both_tables_are_bounded(guard: Guard, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.limits.guard.MOST_SESSIONS", 50)
    for number in range(200):
        Client(guard, clock, f"s{number}").send("x", status=500, gap=0.0, took=0.0)
    assert len(guard._failing) == len(guard._sessions) == 50
    one = Client(guard, clock, "one")
    for number in range(100):
        one.send(f"turn {number}", status=500, gap=0.0, took=0.0)
    assert len(guard._failing["None/one"]) == 16


def test_what_failed_long_ago_is_forgotten(client: Client, guard: Guard, clock: list[float]) -> None:
    client.send("x", status=500)
    Client(guard, clock, "s2").send("y", gap=100)
    assert not guard._failing


def test_a_held_turn_lets_go_when_its_client_leaves(guard: Guard, clock: list[float], client: Client) -> None:
    asyncio.run(_held_and_left(guard, clock, client))


async def _held_and_left(guard: Guard, clock: list[float], client: Client) -> None:
    for _ in range(FREE):
        client.send("x", status=500)
    clock[0] += 0.1
    signals = Signals(Envelope(CHAT, {"messages": [{"role": "user", "content": "x"}]}, client.headers))
    held = guard.enter(signals, Record("r", CHAT, clock[0]))
    assert held is not None
    task = asyncio.ensure_future(held)
    await asyncio.sleep(0)
    (turn,) = guard._failing["None/s1"].values()
    assert turn.held == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert turn.held == 0


def test_no_recorded_client_is_hit_when_all_its_requests_succeed_or_each_turn_fails_once() -> None:
    """Each client's recorded requests, at ten a second. Some are there several times: they were tried with faults."""
    for folder in sorted(path for path in needed().iterdir() if path.is_dir()):
        for status in (200, 500):
            clock = [1000.0]
            guard = Guard(Settings(), lambda clock=clock: clock[0])  # type: ignore[misc]
            failed = set()
            for file in sorted(folder.glob("*.json")):
                signals = Signals(read_recorded(file.read_bytes()).envelope())
                clock[0] += 0.1
                if status == 500 and _digest(signals) in failed:
                    continue
                failed.add(_digest(signals))
                record = Record("r", signals.path, clock[0], status=status, outcome="ok" if status == 200 else "failed")
                assert guard.enter(signals, record) is None, (folder.name, file.name)
                guard.ended(signals, record, FACTS)
