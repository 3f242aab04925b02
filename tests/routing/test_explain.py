from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
from hypothesis import given

from router.request.signals import NAMES, Signals
from router.routing.explain import explain
from router.routing.plan import Plan
from router.routing.printout import Style, printout
from tests.routing.sample import IMAGE, facts, plan, signals, tools
from tests.routing.whens import requests, whens

ROUTES = plan(
    {"name": "screenshots", "when": {"image": True}, "to": ["home", "eyes"]},
    {"name": "agents", "when": {"tools": "> 1", "any": [{"stream": True}, {"model": "a*"}]}, "to": "home"},
    {"name": "the rest", "to": "cloud"},
)


def told(request: Signals, routes: Plan = ROUTES) -> dict[str, Any]:
    return explain(routes, request, facts())


def text(request: Signals, routes: Plan = ROUTES) -> str:
    return printout(routes, told(request, routes), Style(False))


def test_an_explanation_has_exactly_these_keys() -> None:
    found = told(signals(messages=[IMAGE]))
    assert set(found) == {"route", "backend", "candidates", "choice", "cache", "attempts", "rules", "signals"}
    assert all(set(each) == {"backend", "ok", "gate", "reason", "changed"} for each in found["candidates"])
    assert all(set(each) == {"name", "matched", "conditions"} for each in found["rules"])
    conditions = [condition for rule in found["rules"] for condition in rule["conditions"]]
    assert all(set(each) == {"signal", "wanted", "found", "ok"} for each in conditions)
    assert set(NAMES) - {"header", "backend"} <= set(found["signals"])


def test_the_rules_that_were_looked_at_end_with_the_first_match() -> None:
    found = told(signals(tools=tools("x", "y"), stream=True))
    assert [(rule["name"], rule["matched"]) for rule in found["rules"]] == [("screenshots", False), ("agents", True)]


@given(whens, whens, requests())
def test_an_explanation_agrees_with_the_decision_and_is_json(one: Any, other: Any, request: Signals) -> None:
    routes = plan({"when": one, "to": "home"}, backends=("home", "eyes", "cloud"))
    found = told(request, routes)
    decision = routes.decide(request, facts())
    assert (found["route"], found["backend"]) == (decision.route, decision.backend)
    orjson.dumps(found)
    assert printout(routes, found, Style(True))


def test_it_says_whether_answers_are_kept() -> None:
    routes = plan({"to": "home", "cache": "1h"}, backends=("home",))
    assert told(signals(), routes)["cache"] == {"ttl": 3600, "scope": "key"}
    assert "answers are kept for 3600 s, for each client key its own" in text(signals(), routes)
    assert told(signals(messages=[IMAGE]))["cache"] is None
    assert "answers are kept" not in text(signals(messages=[IMAGE]))


def test_it_says_how_the_route_attempts_it() -> None:
    said = {"retries": 1, "hedge": "3s", "timeout": "1m", "accept": ["tools"]}
    routes = plan({"to": ["home", "cloud"], **said})
    assert told(signals(), routes)["attempts"] == {"retries": 1, "hedge": 3, "timeout": 60, "accept": ["tools"]}
    sentence = (
        "  only an answer that passes [tools] counts, but for the last candidate's; "
        "one that fails is asked 1 more time; the next is asked as well after 3 s; "
        "all within 60 s; docs/attempts.md tells how"
    )
    assert sentence in text(signals(), routes).splitlines()
    alone = text(signals(), plan({"to": "home", **said}))
    assert "the next" not in alone and "counts" not in alone
    assert "docs/attempts.md" not in text(signals())


def test_the_text_says_where_it_goes_and_why() -> None:
    lines = text(signals(messages=[IMAGE])).splitlines()
    assert lines[0] == "→ eyes, by route screenshots"
    assert "  ✗ home  modality: accepts text, and the request holds image" in lines
    assert "  · not looked at, as the first match decides: agents, the rest (2 routes)" in lines


def test_the_text_tells_a_named_backend_and_a_route_that_nobody_can_take() -> None:
    assert text(signals(model="cloud", messages=[IMAGE])).startswith("✗ The request names cloud")
    assert text(signals(model="home")).startswith("→ home, because the request names it")
    blind = plan({"name": "all", "to": ["home", "cloud"]})
    assert text(signals(messages=[IMAGE]), blind).startswith("✗ No backend can take this request")
    assert text(signals(), plan({"when": {"stream": True}, "to": "home"})).startswith("✗ No route matches")


def test_what_a_client_sent_cannot_move_the_cursor() -> None:
    assert "\x1b" not in text(signals("\x1b[2J\x1b]0;title\x07 hello", model="\x1b[31m"))


@pytest.mark.parametrize(
    ("terminal", "environ", "wanted"),
    [(True, {}, True), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False), (False, {}, False)],
)
def test_colour_is_for_a_terminal_whose_reader_wants_it(terminal: bool, environ: dict[str, str], wanted: bool) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    assert Style.of(stream, environ).colour is wanted
