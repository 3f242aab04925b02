"""The signal `backend`: the state backends are in when a request comes."""

from __future__ import annotations

from typing import Any

import pytest

from router.config.facts import Facts
from router.config.problems import RulesError
from router.request.signals import Signals
from router.routing.explain import explain
from router.routing.plan import INDEXED_FROM, Plan
from router.routing.printout import Style, printout
from tests.routing.sample import Still, condition, facts, plan, signals


def routed(when: Any, known: dict[str, Facts], request: Signals | None = None) -> bool:
    """Does a route with this `backend:` take the request?"""
    return plan({"when": {"backend": when}, "to": "home"}).decide(request or signals(), known).route == "r0"


def running(load: Still, up: bool | None = True) -> dict[str, Facts]:
    return facts(home={"load": load, "up": up}, cloud={"load": Still(), "up": None})


@pytest.mark.parametrize(("up", "wanted"), [(True, "up"), (None, "up"), (False, "down")])
def test_up_is_what_the_gates_take_for_up(up: bool | None, wanted: str) -> None:
    known = running(Still(1), up)
    assert routed({"home": wanted}, known)
    assert not routed({"home": "down" if wanted == "up" else "up"}, known)


@pytest.mark.parametrize(
    ("load", "wanted"),
    [
        (Still(2, busy=2), "busy"),
        (Still(2, busy=1), "free"),
        (Still(None, busy=1), "busy"),
        (Still(None), "free"),
    ],
)
def test_busy_is_when_a_request_would_wait_and_without_slots_when_it_works(load: Still, wanted: str) -> None:
    assert routed({"home": wanted}, running(load))
    assert not routed({"home": "free" if wanted == "busy" else "busy"}, running(load))


def test_a_queue_is_compared_as_a_number() -> None:
    known = running(Still(1, busy=1, waiting=3))
    assert routed({"home": {"queue": "< 4"}}, known)
    assert not routed({"home": {"queue": "< 3"}}, known)
    assert routed({"home": {"queue": [0, ">= 3"]}}, known)


def test_a_list_is_one_of_and_a_mapping_is_all_of() -> None:
    known = running(Still(1, busy=1, waiting=3))
    assert routed({"home": ["down", "busy"]}, known)
    assert routed({"home": [{"queue": 0}, "busy"]}, known)
    assert not routed({"home": {"queue": "> 2", "busy": False}}, known)
    assert routed({"home": "busy", "cloud": "up"}, known)
    assert not routed({"home": "busy", "cloud": "down"}, known)


def test_a_backend_is_warm_for_the_conversation_that_it_has_served() -> None:
    load = Still(1)
    request = signals(messages=[{"role": "user", "content": "a"}])
    later = [
        *request.envelope.data["messages"],
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert routed({"home": "cold"}, running(load), request)
    load.warm.put(request.prefixes)
    assert routed({"home": "warm"}, running(load), signals(messages=later))
    assert routed({"home": "cold"}, running(load), signals("something else"))


@pytest.mark.parametrize(("loaded", "wanted"), [(True, "loaded"), (None, "loaded"), (False, "unloaded")])
def test_a_model_is_loaded_unless_its_server_says_that_it_is_not(loaded: bool | None, wanted: str) -> None:
    known = running(Still(1))
    known["home"].loaded = loaded
    assert routed({"home": wanted}, known)
    assert not routed({"home": "unloaded" if wanted == "loaded" else "loaded"}, known)


class OpenCircuit:
    def why(self) -> str:
        return "circuit open for another 9 s"

    def look_again(self) -> None: ...


def test_an_open_circuit_is_down_as_for_the_gates() -> None:
    known = running(Still(1))
    known["home"].shut = OpenCircuit()
    assert routed({"home": "down"}, known)
    (entry,) = found(plan({"when": {"backend": {"home": "up"}}, "to": "home"}), known)
    assert entry["found"] == {"home": "down: circuit open for another 9 s"}


def test_a_backend_that_is_left_out_is_down() -> None:
    assert routed({"gone": "down"}, facts())
    assert not routed({"gone": ["up", "busy", "loaded", "warm", {"queue": "> 0"}]}, facts())


def test_it_is_the_state_of_now_and_not_of_the_request_before() -> None:
    known = running(Still(1))
    routes = plan({"when": {"backend": {"home": "up"}}, "to": "home"}, {"to": "cloud"})
    request = signals()
    assert routes.decide(request, known).route == "r0"
    known["home"].up = False
    assert routes.decide(request, known).route == "r1"


def test_the_index_of_many_routes_asks_for_the_state_of_now() -> None:
    others = [{"when": {"model": f"m{n}"}, "to": "home"} for n in range(INDEXED_FROM)]
    routes = plan(
        {"when": {"backend": {"home": {"queue": "> 2"}}, "stream": True}, "to": "cloud"}, *others, {"to": "home"}
    )
    assert routes._index is not None
    load = Still(1, busy=1, waiting=3)
    known, request = running(load), signals(stream=True)
    assert routes.decide(request, known).route == "r0"
    load._queued = 0
    assert routes.decide(request, known).route == f"r{INDEXED_FROM + 1}"


def unreachable(earlier: Any, later: Any) -> bool:
    try:
        plan({"when": {"backend": earlier}, "to": "home"}, {"when": {"backend": later, "stream": True}, "to": "home"})
    except RulesError:
        return True
    return False


def test_a_route_that_asks_for_less_of_a_backend_covers_one_that_asks_for_more() -> None:
    assert unreachable({"home": "up"}, {"home": "up", "cloud": "up"})
    assert unreachable({"home": {"queue": "< 5"}}, {"home": {"queue": "< 3", "up": True}})
    assert unreachable({"home": ["up", "busy"]}, {"home": "busy"})
    assert not unreachable({"home": "up"}, {"cloud": "up"})
    assert not unreachable({"home": "up"}, {"home": "down"})
    assert not unreachable({"home": {"queue": "< 3"}}, {"home": {"queue": "< 5"}})
    assert not unreachable({"home": "up"}, {"home": "busy"})


def found(routes: Plan, known: dict[str, Facts]) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = explain(routes, signals(), known)["rules"][0]["conditions"]
    return conditions


def test_an_explanation_tells_the_state_that_was_found() -> None:
    known = running(Still(1, busy=1, waiting=3))
    known["cloud"].up, known["cloud"].fault = False, "cannot connect"
    routes = plan({"when": {"backend": {"home": {"queue": "< 3"}, "cloud": "up", "eyes": "free"}}, "to": "home"})
    queue, cloud, eyes = found(routes, known)
    assert queue == {
        "signal": "backend",
        "wanted": {"home": {"queue": "< 3"}},
        "found": {"home": "3 waiting"},
        "ok": False,
    }
    assert cloud["found"] == {"cloud": "down: cannot connect"}
    assert eyes["found"] == {"eyes": "free (assumed, without a running server)"}
    text = printout(routes, explain(routes, signals(), known), Style(False))
    assert "found home: 3 waiting" in text


def test_a_list_is_told_as_one_entry() -> None:
    routes = plan({"when": {"backend": {"home": ["down", {"queue": "> 3"}]}}, "to": "home"})
    (entry,) = found(routes, running(Still(1, busy=1, waiting=1)))
    assert entry["wanted"] == "backend home down; or backend home queue > 3"
    assert entry["found"] == {"backend home up": "up", "backend home queue": "1 waiting"}


def test_without_a_running_server_a_backend_counts_as_just_started_and_that_is_said() -> None:
    assert condition({"backend": {"home": {"up": True, "queue": 0, "busy": False, "warm": False}}}).holds(signals())
    (entry,) = found(plan({"when": {"backend": {"home": "up"}}, "to": "home"}), facts())
    assert entry["found"] == {"home": "up (assumed, without a running server)"}


def test_rules_that_do_not_ask_for_it_do_not_set_it() -> None:
    request = signals()
    plan({"to": "home"}).decide(request, facts())
    assert request.backend == {}
