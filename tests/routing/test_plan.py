from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.problems import RulesError
from router.request.signals import Signals
from router.routing.decision import DIRECT
from router.routing.plan import compile_plan
from tests.routing.sample import IMAGE, facts, plan, rules, signals, tools
from tests.routing.whens import requests, whens


def errors(*routes: dict[str, Any]) -> list[str]:
    with pytest.raises(RulesError) as caught:
        plan(*routes)
    return [problem.message for problem in caught.value.problems]


def test_the_first_route_that_matches_decides() -> None:
    routes = plan({"when": {"stream": True}, "to": "home"}, {"when": {"model": "a"}, "to": "eyes"}, {"to": "cloud"})
    assert routes.decide(signals(model="a", stream=True), facts()).route == "r0"
    assert routes.decide(signals(model="a"), facts()).route == "r1"
    assert routes.decide(signals(), facts()).order == ("cloud",)


def test_the_first_candidate_that_passes_its_gates_is_chosen_and_the_others_follow_in_order() -> None:
    decision = plan({"to": ["cloud", "home", "eyes"]}).decide(signals(messages=[IMAGE]), facts())
    assert decision.backend == "eyes"
    assert [candidate.gate for candidate in decision.candidates] == ["modality", "modality", None]
    assert plan({"to": ["cloud", "home"]}).decide(signals(), facts()).order == ("cloud", "home")


def test_without_a_matching_route_there_is_no_candidate() -> None:
    decision = plan({"when": {"stream": True}, "to": "home"}).decide(signals(), facts())
    assert (decision.route, decision.backend, decision.candidates) == ("", None, ())


@pytest.mark.parametrize("model", ["auto", "", None, "gpt-4o-mini", "no/such/model"])
def test_auto_an_empty_name_and_an_unknown_name_leave_the_choice_to_the_routes(model: Any) -> None:
    decision = plan({"to": "home"}).decide(signals(model=model), facts())
    assert (decision.route, decision.backend, decision.named) == ("r0", "home", False)


@pytest.mark.parametrize("model", ["cloud", "gpt-4o", "openai/cloud", "signalbox/gpt-4o", "cloud/cloud"])
def test_the_name_of_a_backend_or_of_its_alias_goes_straight_to_it(model: str) -> None:
    routes = plan({"to": "home"}, aliases={"gpt-4o": "cloud", "any": "auto"})
    decision = routes.decide(signals(model=model), facts())
    assert (decision.route, decision.order, decision.named, decision.settings) == (DIRECT, ("cloud",), True, None)


def test_a_named_backend_goes_by_the_route_that_lists_it() -> None:
    decision = plan({"to": ["home", "cloud"], "set": {"seed": 1}}).decide(signals(model="cloud"), facts())
    assert (decision.route, decision.order) == ("r0", ("cloud",))
    assert decision.settings is not None
    assert decision.settings.set == {"seed": 1}


def test_a_rule_that_speaks_of_the_whole_name_comes_before_the_part_after_the_slash() -> None:
    routes = plan({"when": {"model": "cheap/*"}, "to": "home"}, {"to": "eyes"})
    assert routes.decide(signals(model="cheap/cloud"), facts()).backend == "home"


@pytest.mark.parametrize("model", ["cloud", "openai/cloud"])
def test_naming_a_backend_never_leads_past_the_privacy_of_the_route(model: str) -> None:
    routes = plan({"when": {"text": "secret"}, "private": True, "to": "home"}, {"to": "cloud"})
    decision = routes.decide(signals("my secret", model=model), facts())
    assert (decision.backend, decision.private) == (None, True)
    assert decision.candidates[0].gate == "privacy"
    assert routes.decide(signals("my secret", model="home"), facts()).backend == "home"
    assert routes.decide(signals("hello", model=model), facts()).backend == "cloud"


def test_the_gates_hold_for_a_named_backend() -> None:
    decision = plan({"to": "home"}).decide(signals(model="cloud", tools=tools("bash")), facts(cloud={"tools": False}))
    assert decision.candidates[0].gate == "tools"


def test_all_names_are_known_that_a_client_may_use() -> None:
    routes = plan(
        {"when": {"any": [{"model": "world/*"}, {"not": {"model": "never"}}]}, "to": "home"}, aliases={"fast": "auto"}
    )
    assert routes.names() == ("auto", "home", "eyes", "cloud", "fast")
    assert all(map(routes.knows, ("", "auto", "home", "fast", "world/x", "openai/home")))
    assert not any(map(routes.knows, ("never", "gpt-4o", "world", "home/x")))


def test_a_rule_for_any_name_makes_no_name_known() -> None:
    assert not plan({"when": {"model": "*", "stream": True}, "to": "home"}).knows("gpt-4o")


def test_a_route_after_one_without_conditions_is_an_error_that_names_both() -> None:
    assert errors({"to": "home"}, {"name": "code", "when": {"task": "code"}, "to": "cloud"}) == [
        "route `code` is never reached: `r0` before it matches every request"
    ]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"task": "code"}, {"task": "code", "stream": True}),
        ({"task": ["code", "title"]}, {"task": "code"}),
        ({"tokens": "< 8k"}, {"tokens": "1k..2k"}),
        ({"tokens": ["< 8k", "8k..9k"]}, {"tokens": "7k..8500"}),
        ({"tools": True}, {"tools": "bash"}),
        ({"tools": "> 1"}, {"tools": "3..5"}),
        ({"model": "world/*"}, {"model": ["world/a", "world/b*"]}),
        ({"model": "*"}, {"model": "*x*"}),
        ({"time": "mon..fri"}, {"time": "tue 09:00..17:00"}),
        ({"any": [{"image": True}, {"audio": True}]}, {"audio": True}),
        ({"any": [{"image": True}, {"task": "code"}]}, {"any": [{"task": "code"}, {"image": True, "stream": True}]}),
        ({"not": {"task": ["code", "title"]}}, {"not": {"task": ["code", "title", "chat"]}}),
        ({"text": ["a", "b"]}, {"text": "b"}),
        ({"header": {"x-a": True}}, {"header": {"X-A": "1", "x-b": "2"}}),
    ],
)
def test_a_route_that_an_earlier_one_always_covers_is_an_error(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    assert len(errors({"when": earlier, "to": "home"}, {"when": later, "to": "home"})) == 1
    plan({"when": later, "to": "home"}, {"when": earlier, "to": "home"})
    others = [{"when": {"key": f"k{number}"}, "to": "home"} for number in range(40)]
    assert len(errors({"when": earlier, "to": "home"}, *others, {"when": later, "to": "home"})) == 1


def test_an_unreachable_route_is_told_at_its_conditions_with_what_to_do() -> None:
    with pytest.raises(RulesError) as caught:
        plan({"when": {"image": True}, "to": "home"}, {"when": {"image": True, "stream": True}, "to": "cloud"})
    (problem,) = caught.value.problems
    assert problem.place == ("routes", 1, "when")
    assert problem.hint == "move it before `r0`, or narrow that one's `when:`"


def test_the_faults_of_all_routes_are_told_with_their_places() -> None:
    with pytest.raises(RulesError) as caught:
        compile_plan(rules({"when": {"tokns": 1}, "to": "home"}, {"when": {"text": "("}, "to": "home"}))
    assert [problem.place for problem in caught.value.problems] == [
        ("routes", 0, "when", "tokns"),
        ("routes", 1, "when", "text"),
    ]


def test_compiling_does_not_need_the_backends_to_exist() -> None:
    assert plan({"to": "nowhere"}, aliases={"x": "nowhere"}).backend_of("x") is None


@given(st.lists(whens, min_size=1, max_size=6), requests())
def test_no_route_that_can_decide_is_called_unreachable(listed: list[dict[str, Any]], request: Signals) -> None:
    try:
        plan(*({"when": when, "to": "home"} for when in listed))
    except RulesError as error:
        for problem in error.problems:
            number = int(problem.place[1])
            alone = plan({"when": listed[number], "to": "home"}).first(request)
            before = (plan({"when": when, "to": "home"}).first(request) for when in listed[:number])
            assert alone is None or any(before)
