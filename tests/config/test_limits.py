"""What `limits`, `budgets` and `guard` take, and what is told of a fault."""

from __future__ import annotations

import pytest

from router.config.limits import Guard, Rate
from router.config.load import examine, parse
from router.config.problems import RulesError
from router.config.schema import Rules

HOME = "backends: {b: {url: 'http://localhost:1/v1', price: 0}}\n"
ROUTES = "routes: [{name: r, to: b}]\n"


def rules(more: str, routes: str = ROUTES, backends: str = HOME) -> Rules:
    return parse(f"version: 1\n{backends}{more}{routes}".encode(), "rules.yaml", {}).rules


def test_rates_are_numbers_by_seconds_minutes_hours_and_days() -> None:
    quota = rules("limits: {total: {requests: [5/s, 2k/d], tokens: 1.5M/h, parallel: 4}}\n").limits
    assert quota is not None and quota.total is not None
    assert quota.total.requests == (Rate(5, 1), Rate(2000, 86400))
    assert quota.total.tokens == (Rate(1_500_000, 3600),)


@pytest.mark.parametrize(
    ("text", "default"),
    [("", Guard()), ("guard: true\n", Guard()), ("guard: false\n", None), ("guard: {repeats: 3}\n", Guard(repeats=3))],
)
def test_the_guard_is_on_by_default_and_false_turns_it_off(text: str, default: Guard | None) -> None:
    assert rules(text).guard == default


def test_a_share_may_be_written_as_per_cent() -> None:
    for said in ("80%", "80", "80.0"):
        budgets = rules(f"budgets: {{total: {{month: 50, soft: {said}}}}}\n").budgets
        assert budgets is not None and budgets.total is not None and budgets.total.soft == 80


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("limits: {total: {requests: 60}}\n", ("limits", "total", "requests"), "a rate is a number by s, m, h or d"),
        ("limits: {total: {requests: 0/m}}\n", ("limits", "total", "requests"), "a rate is more than 0"),
        ("limits: {total: {requests: 0.5/m}}\n", ("limits", "total", "requests"), "counts in whole numbers"),
        ("limits: {total: {tokens: 60/w}}\n", ("limits", "total", "tokens"), "a rate is a number by s, m, h or d"),
        ("limits: {keys: {ci: {}}}\n", ("limits", "keys", "ci"), "at least one of requests, tokens, parallel"),
        ("limits: {total: {parallel: 0}}\n", ("limits", "total", "parallel"), "at least 1"),
        ("budgets: {total: {soft: 80%}}\n", ("budgets", "total"), "at least one of day, week, month"),
        ("budgets: {total: {day: -1}}\n", ("budgets", "total", "day"), "at least 0"),
        ("budgets: {total: {day: 1, soft: 120%}}\n", ("budgets", "total", "soft"), "at most 100"),
        ("budgets: {totals: {day: 1}}\n", ("budgets", "totals"), "is no option"),
        ("guard: {usd: 5}\n", ("guard", "usd"), "a rate is a number by s, m, h or d"),
    ],
)
def test_a_fault_is_told_where_it_is(text: str, place: tuple[str, ...], told: str) -> None:
    with pytest.raises(RulesError) as caught:
        rules(text)
    (problem,) = caught.value.problems
    assert told in problem.message
    assert problem.place == place


def warnings(text: str) -> list[str]:
    return [problem.message for problem in examine(f"version: 1\n{text}".encode(), "rules.yaml", {})[1]]


def test_a_condition_on_budgets_that_are_not_there_is_remarked() -> None:
    route = "routes: [{name: r, when: {any: [{not: {budget: '>= 80'}}, {image: true}]}, to: b}]\n"
    assert any("there are no `budgets:`" in message for message in warnings(HOME + route))
    assert not warnings(HOME + "budgets: {total: {day: 1}}\n" + route)


def test_a_server_at_home_without_a_price_is_remarked_where_there_are_budgets() -> None:
    home = "backends: {b: {url: 'http://localhost:1/v1'}}\n"
    assert any("has no price" in message for message in warnings(home + "budgets: {total: {day: 1}}\n" + ROUTES))
    assert not warnings(home + ROUTES)
