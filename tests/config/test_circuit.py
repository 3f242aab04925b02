"""What `circuit:` may be given, and what it is told when it is given something else."""

from __future__ import annotations

import pytest

from router.config.backend import Circuit
from router.config.load import parse
from router.config.problems import RulesError


def spec(value: str) -> Circuit | bool:
    text = f'version: 1\nbackends:\n  a: {{url: "http://here/v1", circuit: {value}}}\nroutes: [{{to: a}}]\n'
    chosen: Circuit | bool = parse(text.encode(), "rules.yaml", {}).rules.backends["a"].circuit
    return chosen


def test_it_is_on_unless_it_is_switched_off() -> None:
    assert spec("true") == spec("{}") == Circuit()
    assert spec("false") is False


def test_times_may_be_written_as_everywhere() -> None:
    chosen = spec("{pause: 500ms, window: 1m, longest_pause: 1h, failures: 3, rate: 0.25, requests: 4}")
    assert chosen == Circuit(pause=0.5, window=60.0, longest_pause=3600.0, failures=3, rate=0.25, requests=4)


def test_a_fault_in_it_hides_no_other() -> None:
    text = b"version: 1\nbackends: {a: {circuit: {rate: 2}, price: {inptu: 1}}}\nroutes: [{to: a}]\n"
    with pytest.raises(RulesError) as caught:
        parse(text, "rules.yaml", {})
    told = {problem.message for problem in caught.value.problems}
    assert told == {"`url` is missing in backend `a`", "`rate` is at most 1", "`inptu` is no option in `price`"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("{failures: 0}", "`failures` is at least 1"),
        ("{rate: 2}", "`rate` is at most 1"),
        ("{rate: 0}", "`rate` is more than 0"),
        ("{window: 10ms}", "`window` is at least 1"),
        ("{pause: 5m}", "`circuit`: `pause` is longer than `longest_pause`, which is 120 s"),
        ("{fail: 2}", "`fail` is no option in `circuit`"),
        ("3", "`circuit` is a mapping"),
    ],
)
def test_a_faulty_one_is_told_in_one_sentence(value: str, told: str) -> None:
    with pytest.raises(RulesError) as caught:
        spec(value)
    assert [problem.message for problem in caught.value.problems] == [told]
