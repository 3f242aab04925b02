"""The circuit breaker by itself, with a clock that is moved by hand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from router.backends.circuit import PARTS, Circuit, Window
from router.config.backend import Circuit as Settings
from router.config.facts import Facts

LONGEST = 40.0
DEFAULT = Settings(failures=3, rate=0.5, window=30.0, requests=10, pause=5.0, longest_pause=LONGEST)


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def circuit(chosen: Settings = DEFAULT) -> tuple[Circuit, Clock]:
    """Without jitter."""
    clock = Clock()
    return Circuit(Facts("b", "http"), chosen, clock, lambda low, high: 1.0), clock


def fail(breaker: Circuit, times: int = 1, reason: str = "timeout") -> None:
    for _ in range(times):
        ticket = breaker.enter(last=True)
        assert ticket is not None
        breaker.failed(ticket, reason, "nothing came")


def answer(breaker: Circuit, times: int = 1) -> None:
    for _ in range(times):
        ticket = breaker.enter(last=True)
        assert ticket is not None
        breaker.answered(ticket)


def test_failures_in_a_row_open_it_and_the_gates_are_told_why() -> None:
    breaker, clock = circuit()
    fail(breaker, 2)
    assert (breaker.state, breaker.facts.shut) == ("closed", None)
    fail(breaker)
    assert (breaker.state, breaker.facts.shut) == ("open", breaker)
    assert breaker.enter() is None
    clock.now += 1.5
    assert breaker.why() == "circuit open for another 4 s after 3 failures: nothing came"
    assert breaker.take() == [("timeout", 1)]
    assert breaker.take() == []


def test_an_answer_in_between_begins_the_row_anew() -> None:
    breaker, _ = circuit()
    for _ in range(4):
        fail(breaker, 2)
        answer(breaker, 3)
    assert breaker.state == "closed"


def test_too_large_a_share_of_the_window_opens_it_but_not_of_few_requests() -> None:
    breaker, _ = circuit()
    for _ in range(4):
        answer(breaker)
        fail(breaker)
    assert breaker.state == "closed"  # half of eight: too few to judge
    answer(breaker)
    fail(breaker)
    assert breaker.why() == "circuit open for another 5 s after 5 of 10 requests failed: nothing came"


def test_failures_that_are_too_long_ago_count_no_more() -> None:
    breaker, clock = circuit()
    for _ in range(5):
        fail(breaker)
        answer(breaker)
        clock.now += 16
    assert breaker.state == "closed"


def test_half_open_one_request_passes_and_all_others_do_not() -> None:
    breaker, clock = circuit()
    fail(breaker, 3)
    clock.now += 5
    assert (breaker.state, breaker.why()) == ("half-open", None)
    probe = breaker.enter()
    assert probe is not None and breaker.tries(probe)
    assert [breaker.enter() for _ in range(5)] == [None] * 5
    assert breaker.why() == "circuit half-open after 3 failures: nothing came; one request is trying it"
    breaker.answered(probe)
    assert (breaker.state, breaker.facts.shut) == ("closed", None)
    assert breaker.enter() is not None


def test_a_failed_probe_opens_it_for_longer_each_time_and_never_longer_than_the_longest_pause() -> None:
    breaker, clock = circuit()
    fail(breaker, 3)
    pauses = []
    for _ in range(6):
        began = clock.now
        while breaker.state == "open":
            clock.now += 0.5
        pauses.append(clock.now - began)
        fail(breaker)
    assert pauses == [5, 10, 20, 40, 40, 40]


def test_a_probe_that_says_nothing_lets_the_next_one_try() -> None:
    breaker, clock = circuit()
    fail(breaker, 3)
    clock.now += 5
    probe = breaker.enter()
    assert probe is not None
    breaker.left(probe)
    assert breaker.state == "half-open"
    again = breaker.enter()
    assert again not in (None, probe)
    assert again is not None
    breaker.answered(again)
    assert breaker.state == "closed"


def test_the_last_candidate_may_always_ask_and_its_answer_closes_the_circuit() -> None:
    breaker, clock = circuit()
    fail(breaker, 3)
    ticket = breaker.enter(last=True)
    assert ticket is not None and not breaker.tries(ticket)
    breaker.answered(ticket)
    assert breaker.state == "closed"
    fail(breaker, 3)
    until = breaker.why()
    fail(breaker, 20)  # they lengthen nothing
    assert breaker.why() == until
    clock.now += 10
    probe, forced = breaker.enter(), breaker.enter(last=True)
    assert probe is not None and forced is not None and probe != forced


def test_what_was_asked_before_it_opened_says_nothing_any_more() -> None:
    breaker, clock = circuit()
    old = [breaker.enter() for _ in range(4)]
    fail(breaker, 3)
    clock.now += 5
    assert old[0] is not None and old[1] is not None
    breaker.answered(old[0])
    assert breaker.state == "half-open"
    probe = breaker.enter()
    assert probe is not None
    breaker.failed(old[1], "broken", "cut")
    assert breaker.state == "half-open"
    breaker.answered(probe)
    fail(breaker, 2)
    for ticket in old[2:]:
        assert ticket is not None
        breaker.failed(ticket, "timeout", "minutes later")
    assert breaker.state == "closed"


def test_one_that_asks_to_be_left_alone_is_for_as_long_as_it_says() -> None:
    breaker, clock = circuit()
    ticket = breaker.enter()
    assert ticket is not None
    breaker.failed(ticket, "status 429", "status 429", wait=12.0)
    assert breaker.why() == "circuit open for another 12 s as it asked for: status 429"
    clock.now += 12
    assert breaker.state == "half-open"
    probe = breaker.enter()
    assert probe is not None
    breaker.failed(probe, "status 429", "status 429", wait=3600.0)
    assert breaker.why() == "circuit open for another 40 s after it failed again: status 429"


def test_one_that_flaps_is_left_alone_for_longer_and_longer_and_one_that_is_well_again_is_not() -> None:
    breaker, clock = circuit()

    def pause() -> float:
        fail(breaker, 3)
        began = clock.now
        while breaker.state == "open":
            clock.now += 0.5
        answer(breaker)
        return clock.now - began

    assert [pause(), pause(), pause()] == [5, 10, 20]
    clock.now += 60
    assert pause() == 5


def test_a_server_that_was_gone_and_is_there_again_is_tried_at_once_unless_it_has_asked_to_be_left_alone() -> None:
    breaker, _ = circuit()
    fail(breaker, 3)
    breaker.look_again()
    assert breaker.state == "half-open"
    answer(breaker)
    ticket = breaker.enter()
    assert ticket is not None
    breaker.failed(ticket, "status 429", "status 429", wait=30.0)
    breaker.look_again()
    assert breaker.state == "open"


def test_whoever_watches_the_server_is_told_when_it_opens() -> None:
    alarms: list[str] = []
    breaker = Circuit(Facts("b", "http"), DEFAULT, Clock(), alarm=lambda: alarms.append(breaker.state))
    fail(breaker, 20)
    assert alarms == ["open"]


def test_pauses_have_jitter_and_stay_below_the_longest() -> None:
    lengths = set()
    for _ in range(20):
        clock = Clock()
        breaker = Circuit(Facts("b", "http"), DEFAULT, clock)
        fail(breaker, 3)
        left = re.search(r"another (\d+) s", breaker.why() or "")
        assert left is not None
        lengths.add(int(left[1]))
        clock.now += 3.7
        assert breaker.state == "open"
        clock.now += 1.3
        assert breaker.state == "half-open"
    assert lengths <= {4, 5}


@given(st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=60))
def test_the_window_holds_what_came_in_its_time_to_a_tenth(steps: list[tuple[float, bool]]) -> None:
    window, now, came = Window(30.0), 100.0, []
    for wait, failed in steps:
        now += wait
        window.count(now, failed)
        came.append((now, failed))
    part = 30.0 / PARTS
    surely = [failed for at, failed in came if at > now - 30.0 + part]
    perhaps = [failed for at, failed in came if at > now - 30.0 - part]
    assert surely.count(True) <= window.failed <= perhaps.count(True)
    assert surely.count(False) <= window.answered <= perhaps.count(False)


class Crowd(RuleBasedStateMachine):
    """Any number of requests at a circuit, in any order, and what must hold all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.clock = circuit()
        self.out: list[int] = []
        self.probes: set[int] = set()

    @rule(last=st.booleans())
    def enter(self, last: bool) -> None:
        before = self.breaker.state
        ticket = self.breaker.enter(last)
        assert ticket is not None or not last
        assert ticket is None or before != "open" or last
        if ticket is not None:
            if before == "half-open" and self.breaker.tries(ticket):
                self.probes.add(ticket)
            self.out.append(ticket)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), how=st.sampled_from(["answered", "failed", "waits", "left"]))
    def end(self, data: st.DataObject, how: str) -> None:
        ticket = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        if how == "answered":
            self.breaker.answered(ticket)
        elif how == "left":
            self.breaker.left(ticket)
        else:
            self.breaker.failed(ticket, "status 503", "status 503", 7.0 if how == "waits" else None)
        self.probes.discard(ticket)

    @rule(seconds=st.floats(0, 60))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def seen(self) -> None:
        self.breaker.look_again()

    @invariant()
    def at_most_one_tries(self) -> None:
        assert sum(self.breaker.tries(ticket) for ticket in self.probes) <= 1

    @invariant()
    def the_gates_see_it_exactly_while_it_is_not_closed(self) -> None:
        assert (self.breaker.facts.shut is None) == (self.breaker.state == "closed")

    @invariant()
    def it_never_stays_open_for_longer_than_the_longest_pause(self) -> None:
        if self.breaker.state == "open":
            before, self.clock.now = self.clock.now, self.clock.now + LONGEST + 0.001
            assert self.breaker.state == "half-open"
            self.clock.now = before


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_a_share_of_one_needs_all_to_fail() -> None:
    breaker, _ = circuit(Settings(failures=100, rate=1.0, requests=4))
    fail(breaker, 3)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


@pytest.mark.parametrize("ticket", [0, 7])
def test_a_ticket_that_was_never_given_out_changes_nothing(ticket: int) -> None:
    breaker, clock = circuit()
    fail(breaker, 3)
    clock.now += 5
    breaker.left(ticket)
    breaker.answered(ticket + 50)
    assert breaker.state == "half-open"
