from __future__ import annotations

from typing import Any

import pytest

from router.routing.decision import Decision
from router.routing.session import Sessions, prefer
from tests.routing.sample import IMAGE, OPEN, facts, plan, signals, tools

LOOP = [{"role": "user", "content": "go on"}, {"role": "tool", "tool_call_id": "1", "content": "done"}]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def preferred(backend: str, *routes: dict[str, Any], known: Any = None, **body: Any) -> Decision:
    request = signals(**{"messages": LOOP, **body})
    known = known or facts()
    return prefer(plan(*routes).decide(request, known), backend, request, known)


def test_a_session_keeps_its_backend_for_its_time_to_live() -> None:
    clock = Clock()
    sessions = Sessions(time_to_live=60, clock=clock)
    sessions.put("s", "home")
    clock.now = 59
    assert sessions.get("s") == "home"
    sessions.put("s", "cloud")
    clock.now = 118
    assert sessions.get("s") == "cloud"
    clock.now = 119
    assert sessions.get("s") is None
    assert len(sessions) == 0


def test_the_session_that_was_served_longest_ago_goes_first() -> None:
    sessions = Sessions(capacity=2)
    for session in ("a", "b", "a", "c"):
        sessions.put(session, "home")
    assert [sessions.get(session) for session in "abc"] == ["home", None, "home"]


def test_a_turn_with_tool_results_stays_on_its_backend_and_the_others_remain_behind_it() -> None:
    decision = preferred("cloud", {"to": ["home", "cloud"]})
    assert decision.backend == "cloud"
    assert decision.order == ("cloud", "home")


def test_it_stays_also_where_the_route_that_now_matches_does_not_list_the_backend() -> None:
    decision = preferred("cloud", {"to": "home"})
    assert (decision.route, decision.order) == ("r0", ("cloud", "home"))


def test_it_stays_where_the_route_itself_has_no_candidate_left() -> None:
    assert preferred("home", {"to": "cloud"}, known=facts(cloud={"tools": False}), tools=tools("x")).order == ("home",)


@pytest.mark.parametrize(
    ("routes", "body", "changes"),
    [
        ([{"private": True, "to": "home"}], {}, {}),
        ([{"to": "eyes"}], {"messages": [*LOOP, IMAGE, LOOP[1]]}, {}),
        ([{"to": "home"}], {}, {"cloud": {"up": False}}),
        ([{"to": "home"}], {}, {"cloud": {"shut": OPEN}}),
        ([{"to": "home"}], {"tools": tools("x")}, {"cloud": {"tools": False}}),
    ],
)
def test_no_session_leads_past_a_gate(routes: Any, body: dict[str, Any], changes: dict[str, Any]) -> None:
    assert preferred("cloud", *routes, known=facts(**changes), **body).backend != "cloud"


def test_a_backend_that_the_client_names_is_not_replaced() -> None:
    assert preferred("cloud", {"to": ["home", "cloud"]}, model="home").order == ("home",)


def test_a_backend_that_is_gone_from_the_rules_is_forgotten() -> None:
    assert preferred("gone", {"to": "home"}).order == ("home",)


def test_what_no_route_takes_stays_nowhere() -> None:
    assert preferred("home", {"when": {"stream": True}, "to": "home"}).backend is None
