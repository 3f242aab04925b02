"""Few tasks say little, and what they say is told with its bounds."""

from __future__ import annotations

import pytest

from router.quality.bench import Result
from router.quality.report import report
from router.quality.score import Done, Score, apart


def score(right: int, of: int) -> Score:
    return Score(tuple(Done(str(at), None if at < right else "wrong") for at in range(of)))


@pytest.mark.parametrize(
    ("right", "of", "interval"),
    # R: binom::binom.wilson(x, n)
    [(0, 12, (0.0, 0.2425)), (12, 12, (0.7575, 1.0)), (5, 10, (0.2366, 0.7634)), (9, 12, (0.4677, 0.9111))],
)
def test_the_interval_is_wilsons(right: int, of: int, interval: tuple[float, float]) -> None:
    assert score(right, of).interval == pytest.approx(interval, abs=1e-4)


def test_without_tasks_nothing_is_known() -> None:
    assert score(0, 0).interval == (0.0, 1.0)


def test_two_are_told_apart_only_where_their_intervals_are() -> None:
    assert apart(score(12, 12), score(3, 12))
    assert not apart(score(12, 12), score(8, 12))
    assert not apart(score(6, 6), score(4, 6))


def result(name: str, right: int) -> Result:
    return Result(name, "m", 4096, scores={"coding": score(right, 12)}, free=True, complete=True)


def test_the_report_says_when_there_are_too_few_tasks() -> None:
    assert "too few tasks to tell a and b apart" in report([result("a", 12), result("b", 9)])
    told = report([result("a", 12), result("b", 2), result("c", 9)])
    assert "coding: a above b; c above b. All other pairs: too few tasks" in told


def test_the_report_marks_what_is_not_whole() -> None:
    broken, stopped = Result("gone", "m", None, fault="is down"), result("half", 3)
    stopped.complete = False
    told = report([broken, stopped])
    assert "gone was not measured: is down" in told
    assert "half was interrupted" in told
    assert "12 (" in told
