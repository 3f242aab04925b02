from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.request.signals import Signals
from router.routing.index import LONGEST_REMEMBERED, REMEMBERED, Index
from router.routing.plan import INDEXED_FROM
from tests.routing.sample import condition, plan, signals
from tests.routing.whens import requests, whens


def first_by_asking_all(conditions: list[Any], request: Signals) -> int | None:
    return next((number for number, each in enumerate(conditions) if each.holds(request)), None)


@given(st.lists(whens, max_size=12), st.lists(requests(), min_size=1, max_size=4))
def test_the_index_finds_what_asking_every_route_finds(listed: list[dict[str, Any]], some: list[Signals]) -> None:
    conditions = [condition(when) for when in listed]
    index = Index(conditions)
    for request in some:
        assert index.first(request) == first_by_asking_all(conditions, request)


@given(st.lists(whens, min_size=2, max_size=8))
def test_the_index_leaves_the_first_of_two_equal_routes_as_a_possible_cover(listed: list[dict[str, Any]]) -> None:
    conditions = [condition(when) for when in [*listed, listed[0]]]
    assert 0 in Index(conditions).may_cover(len(listed))


def test_a_condition_with_very_many_alternatives_is_still_found() -> None:
    pair = {"any": [{"model": f"m{n}"} for n in range(9)]}
    other = {"any": [{"key": f"k{n}"} for n in range(9)]}
    many = {"any": [{"header": {"x-a": f"h{n}"}} for n in range(50)]}
    conditions = [condition({"all": [pair, other]}), condition(many)]
    index = Index(conditions)
    assert index.first(signals(model="m8", key="k7")) == 0
    assert index.first(signals(model="m8", headers={"x-a": "h49"})) == 1
    assert index.first(signals(model="m8")) is None


def test_a_large_plan_uses_the_index_and_decides_the_same() -> None:
    routes = [{"when": {"model": f"m-{n}", "stream": bool(n % 2)}, "to": "home"} for n in range(INDEXED_FROM + 1)]
    large = plan(*routes, {"to": "cloud"})
    assert large._index is not None
    for model, stream, wanted in (("m-3", True, "r3"), ("m-3", False, "r25"), ("m-4", False, "r4")):
        route = large.first(signals(model=model, stream=stream))
        assert route is not None
        assert route.name == wanted


def test_an_expensive_signal_is_not_read_where_a_cheap_one_decides() -> None:
    conditions = [condition({"task": "code", "text": "x", "model": f"m{n}"}) for n in range(30)]
    request = signals(model="other")
    assert Index(conditions).first(request) is None
    for expensive in ("task", "text"):
        with pytest.raises(AttributeError):
            getattr(Signals, expensive).__get__(request)


def test_what_the_index_remembers_is_bounded() -> None:
    index = Index([condition({"model": "a*", "time": "sat"})])
    for number in range(REMEMBERED + 10):
        index.first(signals(model=f"a{number}", at=datetime(2026, 11, 21) + timedelta(minutes=number % 1440)))
    index.first(signals(model="a" * (LONGEST_REMEMBERED + 1)))
    tables = [table._remembered for table in index._tables]  # type: ignore[attr-defined]
    assert all(len(remembered) <= REMEMBERED for remembered in tables)
    assert all(len(key) <= LONGEST_REMEMBERED for key in tables[0])


@pytest.mark.parametrize("text", ["", "\ud800", "Übung", "x" * 200_000, "\x02signalbox-sentinel\x03", "ſubject7 K"])
def test_many_regular_expressions_are_found_in_any_text(text: str) -> None:
    patterns = [rf"subject{n}\b" for n in range(30)] + [r"\d+", "übung", "^$", "k", "(?-i)X", "x{100}"]
    conditions = [condition({"text": pattern}) for pattern in patterns]
    request = signals()
    request.envelope.data["messages"] = [{"role": "user", "content": text}]
    assert Index(conditions).first(request) == first_by_asking_all(conditions, request)
