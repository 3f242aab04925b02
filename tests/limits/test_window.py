"""The sliding window: never more than it may in any stretch of its length, and honest about when more fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.limits.window import PARTS, Window

MINUTE = 60.0


def let_in(window: Window, now: float, most: float, amount: float = 1) -> bool:
    if window.wait(now, amount, most) > 0:
        return False
    window.add(now, amount)
    return True


def test_a_burst_gets_exactly_the_limit() -> None:
    window = Window(MINUTE)
    assert sum(let_in(window, 1000.3 + number / 1000, 60) for number in range(200)) == 60


@given(
    gaps=st.lists(st.floats(0, 20), min_size=1, max_size=150),
    most=st.integers(1, 20),
    begin=st.floats(0, 1e6),
)
def test_no_stretch_of_the_length_ever_holds_more(gaps: list[float], most: int, begin: float) -> None:
    window, now, came = Window(MINUTE), begin, []
    for gap in gaps:
        now += gap
        if let_in(window, now, most):
            came.append(now)
    assert all(len([each for each in came if 0 <= each - first < MINUTE]) <= most for first in came)


@given(gaps=st.lists(st.floats(0, 10), min_size=1, max_size=80), most=st.integers(1, 9), begin=st.floats(0, 1e6))
def test_who_waits_as_told_is_let_in_and_nobody_waits_a_part_too_long(
    gaps: list[float], most: int, begin: float
) -> None:
    window, now, came = Window(MINUTE), begin, []
    for gap in gaps:
        now += gap
        wait = window.wait(now, 1, most)
        if wait > 0:
            assert wait <= MINUTE * (1 + 1 / PARTS) + 1e-6
            assert window.wait(now + wait + 1e-6, 1, most) == 0
            oldest = sorted(came)[-most]  # it is the place of this one that is waited for
            assert now + wait <= oldest + MINUTE * (1 + 1 / PARTS) + 1e-6
        else:
            window.add(now, 1)
            came.append(now)


def test_what_is_taken_back_may_be_used_by_others() -> None:
    window = Window(MINUTE)
    window.add(5.0, 90)
    assert window.wait(6.0, 20, 100) > 0
    window.take_back(5.0, 50)
    assert (window.used(6.0), window.wait(6.0, 20, 100)) == (40, 0)
    window.take_back(5.0, 1000)
    assert window.used(6.0) == 0


def test_after_the_reset_nothing_is_left() -> None:
    window = Window(MINUTE)
    for second in range(30):
        window.add(100.0 + second, 2)
    reset = window.reset(130.0)
    assert window.used(130.0 + reset - 0.01) > 0
    assert window.used(130.0 + reset + 0.01) == 0


@pytest.mark.parametrize("seconds", [1.0, 60.0, 3600.0, 86400.0])
def test_it_holds_no_more_counters_than_parts(seconds: float) -> None:
    window = Window(seconds)
    for number in range(5000):
        window.add(number * seconds / 1000, 1)
        window.used(number * seconds / 1000)
    assert len(window._counts) <= PARTS + 1
