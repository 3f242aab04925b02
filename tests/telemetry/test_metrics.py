"""What a record adds to the metrics."""

from __future__ import annotations

import pytest

from router.telemetry.metrics import MOST_GROUPS, MOST_NAMES, Metrics
from router.telemetry.record import Attempt, Cost, Record, Tokens
from tests.telemetry.test_store import read

WHO = {"route": "code", "backend": "coder", "model": "m", "key": "me", "harness": "aider"}


def record(**more: object) -> Record:
    made = Record(
        "1", "/v1/chat/completions", 100.0, key="me", harness="aider", route="code", backend="coder", model="m"
    )
    made.status, made.decided, made.asked, made.answered, made.ended = 200, 100.0001, 100.0002, 100.1, 102.0
    made.attempts = [Attempt("coder", model="m", asked=100.0002, ended=102.0)]
    for name, value in more.items():
        setattr(made, name, value)
    return made


def counted(*records: Record, metrics: Metrics | None = None) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name, then by labels."""
    metrics = metrics or Metrics()
    for each in records:
        metrics.count(each)
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for (name, labels), value in read(metrics.page([])).items():
        found.setdefault(name, {})[labels] = value
    return found


def labels(**said: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(said.items()))


def test_a_request_is_counted_once_with_its_tokens_and_its_money():
    answer = record(
        tokens=Tokens(100, 20, cached=40, reasoning=5), cost=Cost(0.25, "reported"), saved=0.5, baseline=0.75
    )
    found = counted(answer, answer)
    assert found["signalbox_requests_total"] == {labels(**WHO, status="2xx"): 2.0}
    assert found["signalbox_request_duration_seconds_count"] == {labels(route="code", backend="coder"): 2.0}
    assert found["signalbox_tokens_total"] == {
        labels(**WHO, type=kind): 2.0 * count
        for kind, count in {"input": 100, "output": 20, "cached": 40, "reasoning": 5}.items()
    }
    assert found["signalbox_spend_usd_total"] == {labels(**WHO, source="reported"): 0.5}
    assert found["signalbox_saved_usd_total"] == {labels(**WHO): 1.0}
    assert found["signalbox_baseline_usd_total"] == {labels(**WHO): 1.5}
    assert found["signalbox_rule_matches_total"] == {labels(route="code"): 2.0}
    assert found["signalbox_attempts_total"] == {labels(backend="coder", result="ok"): 2.0}
    assert "signalbox_unpriced_requests_total" not in found


def test_a_model_without_a_price_is_counted_as_that_and_not_as_free():
    found = counted(record(tokens=Tokens(1, 1)))
    assert found["signalbox_unpriced_requests_total"] == {labels(backend="coder", model="m"): 1.0}
    assert "signalbox_spend_usd_total" not in found


def test_an_answer_from_the_cache_spends_no_tokens():
    found = counted(record(cache="hit", tokens=Tokens(5, 5), cost=Cost(0.0, "reported"), saved=0.1))
    assert "signalbox_tokens_total" not in found
    assert found["signalbox_cache_requests_total"] == {labels(route="code", result="hit"): 1.0}
    assert found["signalbox_saved_usd_total"] == {labels(**WHO): 0.1}


def test_a_fallback_tells_from_whom_to_whom_and_why():
    first = Attempt("gone", reason="connect", asked=100.0001)
    found = counted(record(attempts=[first, Attempt("coder", asked=100.01)], stream=True))
    expected = {("backend", "gone"), ("result", "connect")}
    assert found["signalbox_fallbacks_total"] == {(("from", "gone"), ("reason", "connect"), ("to", "coder")): 1.0}
    assert found["signalbox_attempts_total"][tuple(sorted(expected))] == 1.0
    assert found["signalbox_streams_broken_total"] == {labels(route="code", backend="gone", content="before"): 1.0}


def test_a_stream_that_is_cut_and_a_client_that_leaves_are_told_apart():
    cut = record(outcome="broken", stream=True, attempts=[Attempt("coder", reason="broken", asked=100.0)])
    found = counted(
        cut,
        record(outcome="cancelled", stream=True, cancelled_by="client"),
        record(outcome="cancelled", route="ended", cancelled_by="shutdown"),
    )
    assert found["signalbox_streams_broken_total"] == {labels(route="code", backend="coder", content="after"): 1.0}
    assert found["signalbox_cancelled_total"] == {
        labels(route="code", backend="coder", by="client"): 1.0,
        labels(route="ended", backend="coder", by="shutdown"): 1.0,
    }


def test_a_gate_that_holds_a_candidate_back_is_counted():
    found = counted(record(rejected=(("small", "context"), ("blind", "modality"))))
    assert found["signalbox_gate_rejections_total"][labels(backend="small", gate="context")] == 1.0


def test_the_speed_of_a_stream_is_that_after_its_first_piece():
    found = counted(record(first=101.0, stream=True, tokens=Tokens(5, 41)))
    assert found["signalbox_tokens_per_second_sum"] == {labels(backend="coder", model="m"): 40.0}
    assert found["signalbox_time_to_first_token_seconds_sum"] == {labels(route="code", backend="coder"): 1.0}


@pytest.mark.parametrize("model", ["half \ud800 a pair", 'a "quoted"\nname', "x" * 5000])
def test_whatever_a_client_calls_its_model_the_page_can_be_read(model: str):
    assert sum(counted(record(model=model))["signalbox_requests_total"].values()) == 1.0


def test_a_client_that_invents_models_does_not_make_the_page_grow():
    found = counted(*(record(model=f"m{number}") for number in range(MOST_GROUPS + 50)))
    requests = found["signalbox_requests_total"]
    assert len(requests) == MOST_NAMES + 1
    assert sum(requests.values()) == MOST_GROUPS + 50
    assert requests[labels(**{**WHO, "model": "other"}, status="2xx")] == MOST_GROUPS + 50 - MOST_NAMES


def test_a_model_that_its_backend_is_known_to_have_is_never_called_other():
    metrics = Metrics()
    metrics.knows = lambda backend, model: (backend, model) == ("coder", "real")
    invented = [record(model=f"m{number}") for number in range(MOST_NAMES + 5)]
    requests = counted(*invented, record(model="real"), metrics=metrics)["signalbox_requests_total"]
    assert requests[labels(**{**WHO, "model": "real"}, status="2xx")] == 1.0


def test_more_groups_than_there_is_room_for_are_counted_under_other_names():
    found = counted(*(record(key=f"k{number}") for number in range(MOST_GROUPS + 50)))
    requests = found["signalbox_requests_total"]
    assert len(requests) == MOST_GROUPS + 1
    assert requests[labels(**{**WHO, "model": "other", "key": "other", "harness": "other"}, status="2xx")] == 50


def test_time_in_the_proxy_is_told_by_phase_and_the_phases_are_those_of_the_record():
    answer = record(read=100.00004, received=101.9997, cache="miss", cache_seconds=0.002, cache_bytes=500)
    found = counted(answer)
    spent = {dict(names)["phase"]: value for names, value in found["signalbox_overhead_seconds_sum"].items()}
    expected = {"read": 4e-5, "decide": 6e-5, "before": 2e-4, "after": 3e-4, "cache": 0.002}
    assert spent == pytest.approx(expected, abs=1e-9)
    assert found["signalbox_cache_bytes_total"] == {labels(route="code", result="miss"): 500.0}


@pytest.mark.parametrize(("cache", "count"), [("hit", 0), ("similar", 0), ("miss", 1), ("joined", 1), ("", 1)])
def test_a_first_piece_out_of_the_cache_says_nothing_of_the_backend(cache, count):
    found = counted(record(cache=cache, first=101.0, stream=True))
    assert sum(found["signalbox_time_to_first_token_seconds_count"].values()) == count
    assert sum(found["signalbox_request_duration_seconds_count"].values()) == 1


def test_a_backends_latency_is_without_the_wait_for_its_turn():
    waited = Attempt("coder", asked=100.0, queued=0.5, answered=101.25, ended=102.0)
    found = counted(record(attempts=[waited]), record())
    assert found["signalbox_backend_latency_seconds_sum"] == {labels(backend="coder"): 0.75}
    assert found["signalbox_queue_wait_seconds_sum"] == {labels(backend="coder"): 0.5}
    assert found["signalbox_queue_wait_seconds_count"] == {labels(backend="coder"): 1.0}
