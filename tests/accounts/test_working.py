"""Working time that is shared out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.accounts.working import Working


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_alone_is_charged_what_passes() -> None:
    clock = Clock()
    working = Working(clock)
    begun = working.begin()
    clock.now += 3
    assert working.end(begun) == pytest.approx(3)


def test_two_at_once_are_charged_half_each() -> None:
    clock = Clock()
    working = Working(clock)
    first = working.begin()
    clock.now += 1
    second = working.begin()
    clock.now += 2
    assert working.end(first) == pytest.approx(1 + 1)
    clock.now += 4
    assert working.end(second) == pytest.approx(1 + 4)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=40))
def test_together_they_are_charged_the_time_in_which_any_was_there(steps: list[tuple[bool, float]]) -> None:
    clock = Clock()
    working = Working(clock)
    begun: list[float] = []
    charged = busy = 0.0
    for begins, passes in steps:
        if begins:
            begun.append(working.begin())
        elif begun:
            charged += working.end(begun.pop(0))
        clock.now += passes
        busy += passes if begun else 0.0
    charged += sum(working.end(since) for since in begun)
    assert charged == pytest.approx(busy)
