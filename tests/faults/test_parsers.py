"""Whatever bytes come, every parser answers or refuses: no exception of another kind, no hang.

`python -m bench.faults bad-inputs` feeds the same targets by a coverage-guided fuzzer, and for longer.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from tests.faults.clients import LIES
from tests.faults.faults import FAULTS
from tests.faults.seeds import SEEDS, mutated
from tests.faults.targets import TARGETS

RUNS = 150


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=RUNS, deadline=5000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_bytes_break_a_promise(name: str, data: st.DataObject) -> None:
    play: Callable[[bytes], None] = TARGETS[name]
    said = data.draw(st.binary(max_size=400) | mutated(SEEDS[name]))
    target(float(len(set(said))))
    play(said)


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_themselves_break_none(name: str) -> None:
    for seed in SEEDS[name]:
        for size in (0, 1, 7):
            TARGETS[name](bytes((size,)) + seed)


def test_no_lie_and_no_fault_breaks_a_parser_in_pieces_of_any_size() -> None:
    assert FAULTS
    for lie in LIES:
        for size in (0, 1, 3, 50):
            TARGETS["inbound"](bytes((size,)) + lie.sent[:20_000])
