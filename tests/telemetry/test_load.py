"""How busy and how fast: the figures that a choice goes by."""

from __future__ import annotations

import pytest

from router.telemetry.load import HALF_LIFE, Fading, Load, smoothed
from router.telemetry.record import Attempt, Record
from tests.routing.sample import Still


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_value_counts_whole_and_each_further_one_a_fifth() -> None:
    assert smoothed(None, 4.0) == 4.0
    assert smoothed(4.0, 9.0) == 5.0


def test_a_time_that_is_not_measured_anew_fades_by_half_each_minute() -> None:
    clock = Clock()
    time = Fading(clock)
    assert time.value is None
    time.add(8.0)
    clock.now += HALF_LIFE
    assert time.value == pytest.approx(4.0)
    time.add(9.0)
    assert time.value == pytest.approx(5.0)


def test_while_a_slot_is_free_only_the_time_to_the_first_content_counts() -> None:
    load = Still(4, busy=3)
    load.service = 30.0
    assert (load.until_turn, load.until_first) == (0.0, 0.0)
    load.first.add(0.5)
    assert load.until_first == 0.5


def test_behind_a_queue_each_place_costs_a_slots_share_of_a_request() -> None:
    load = Still(4, busy=4, waiting=2)
    load.service = 20.0
    load.first.add(1.0)
    assert load.until_first == pytest.approx(3 * 20 / 4 + 1)
    assert load.until_turn == pytest.approx(3 * 20 / 4)


def test_what_nobody_has_measured_counts_as_nothing() -> None:
    assert Still(1, busy=1, waiting=9).until_first == 0.0
    assert Still(None, busy=500).until_first == 0.0


def test_of_a_backend_that_hangs_the_estimate_grows_though_nothing_was_ever_measured() -> None:
    assert Still(2, busy=2, waiting=1, eldest=30.0).until_first == pytest.approx(2 * 30 / 2)
    load = Still(2, busy=2, waiting=1, eldest=3.0)
    load.service = 10.0
    assert load.held == 10.0


def test_pressure_is_what_is_in_flight_for_each_slot_and_in_flight_alone_where_slots_are_not_known() -> None:
    assert Still(4, busy=4, waiting=2).pressure == 1.5
    assert Still(None, busy=3).pressure == 3.0


def few_places(load: Load, queue: int) -> Load:
    load.queue = queue
    return load


@pytest.mark.parametrize(
    ("load", "taken", "full"),
    [
        (Still(2, busy=1), False, False),
        (Still(2, busy=2), True, False),
        (Still(2, busy=2, waiting=1), True, False),
        (Still(2, busy=2, waiting=2), True, True),
        (few_places(Still(4, busy=4, waiting=1), 1), True, True),
        (few_places(Still(2, busy=2), 0), True, True),
        (Still(None, busy=99), False, False),
    ],
)
def test_full_is_a_whole_round_in_the_queue_or_no_place_left(load: Load, taken: bool, full: bool) -> None:
    assert (load.taken, load.full) == (taken, full)


def record(**fields: object) -> Record:
    made = Record("1", "/v1/chat/completions", 0.0)
    made.status, made.backend = 200, "a"
    made.attempts = [Attempt("a", asked=10.0, queued=2.0, answered=13.0, ended=20.0)]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_the_time_to_the_first_content_is_taken_from_streams_and_leaves_out_the_wait_for_a_slot() -> None:
    load = Still(1)
    load.answered(record(first=13.5, received=20.0))
    assert load.first.value == pytest.approx(1.5)
    assert load.whole.value is None


def test_a_whole_answer_tells_a_latency_but_no_time_to_the_first_token() -> None:
    load = Still(1)
    load.answered(record(received=20.0))
    assert load.first.value is None
    assert load.latency == pytest.approx(8.0)
    load.answered(record(first=12.25, received=20.0))
    assert load.latency == pytest.approx(0.25)


def test_the_attempt_that_answered_is_the_one_measured_whatever_was_tried_beside_it() -> None:
    load = Still(1)
    failed, answered = Attempt("a", reason="timeout", asked=1.0), Attempt("a", asked=10.0, queued=2.0)
    load.answered(record(first=13.0, attempts=[failed, answered, Attempt("b", reason="cancelled", asked=11.0)]))
    assert load.first.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    "other",
    [
        {"status": 500},
        {"cache": "hit"},
        {"cache": "joined"},
        {"attempts": []},
        {"attempts": [Attempt("a", reason="broken", asked=10.0)]},
        {"attempts": [Attempt("b", asked=10.0)]},
    ],
)
def test_errors_and_answers_of_the_cache_tell_nothing_of_a_backends_speed(other: dict[str, object]) -> None:
    load = Still(1)
    load.answered(record(first=13.5, received=20.0, **other))
    assert load.latency == 0.0
