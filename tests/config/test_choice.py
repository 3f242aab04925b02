"""What `to:`, `choice:` and `given:` may be given, and what is said of a slip."""

from __future__ import annotations

from typing import Any

import pytest

from router.config.load import Loaded, parse
from router.config.problems import Problem, RulesError

HEAD = "version: 1\nbackends: {qwen-coder: {url: 'http://127.0.0.1:9/v1'}, haiku: {url: 'http://127.0.0.1:8/v1'}}\n"


def loaded(route: str, tests: str = "") -> Loaded:
    return parse((HEAD + f"routes:\n  - {route}\n{tests}").encode(), "rules.yaml", {})


def fault(route: str, tests: str = "") -> Problem:
    with pytest.raises(RulesError) as caught:
        loaded(route, tests)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("qwen-coder", [("qwen-coder", 1.0, None)]),
        ("[qwen-coder, haiku]", [("qwen-coder", 1.0, None), ("haiku", 1.0, None)]),
        ("{backend: haiku, weight: 3}", [("haiku", 3.0, None)]),
        ("[{backend: qwen-coder, weight: 0.5, wait: 500ms}, haiku]", [("qwen-coder", 0.5, 0.5), ("haiku", 1.0, None)]),
    ],
)
def test_a_route_leads_to_names_or_to_mappings_with_a_backend(to: str, wanted: list[Any]) -> None:
    route = loaded(f"{{to: {to}, choice: sticky}}").rules.routes[0]
    found = [(target.backend, target.weight, target.wait) for target in route.to]
    assert found == wanted
    assert route.backends == tuple(name for name, _, _ in wanted)


@pytest.mark.parametrize(
    ("route", "message", "hint"),
    [
        ("{to: [qwen-codr, haiku]}", "there is no backend `qwen-codr`", 'did you mean "qwen-coder"?'),
        ("{to: [{backend: qwen-codr}]}", "there is no backend `qwen-codr`", 'did you mean "qwen-coder"?'),
        ("{to: [{backend: haiku, weigth: 3}]}", "`weigth` is no option in route 1", 'did you mean "weight"?'),
        ("{to: {backend: haiku, weigth: 3}}", "`weigth` is no option in route 1", 'did you mean "weight"?'),
        ("{to: [haiku, {wieght: 1}]}", "`backend` is missing in route 1", None),
        ("{to: [haiku, 3]}", "entry 2 of `to`: write the name of a backend, or {backend: NAME, weight: 3", None),
        ("{to: 3}", "`to` is a list, not 3", "each item on a line"),
        ("{to: []}", "`to` is an empty list", None),
        (
            "{to: haiku, choice: stiky}",
            "`choice` is one of: order, weighted, least_busy, sticky, not stiky",
            '"sticky"?',
        ),
        ("{to: [{backend: haiku, weight: -1}]}", "`weight` is at least 0, not -1", None),
        ("{to: [{backend: haiku, wait: soon}]}", "`wait`: a duration is a number of seconds", None),
        ("{when: {backend: {haiko: up}}, to: haiku}", "there is no backend `haiko`", 'did you mean "haiku"?'),
        (
            "{when: {any: [{stream: true}, {backend: {x: up}}]}, to: haiku}",
            "there is no backend `x`",
            "there are: qwen",
        ),
        ("{when: {not: {backend: {x: up}}}, to: haiku}", "there is no backend `x`", "there are: qwen"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(route: str, message: str, hint: str | None) -> None:
    with pytest.raises(RulesError) as caught:
        loaded(route)
    found = caught.value.problems
    problem = next((each for each in found if each.message.startswith(message)), found[0])
    assert problem.message.startswith(message), [str(each) for each in found]
    assert problem.line == 4
    if hint is not None:
        assert hint in str(problem.hint)


def test_an_unknown_backend_in_a_condition_is_told_at_its_own_place() -> None:
    problem = fault("{when: {all: [{backend: {haiku: up, haiko: up}}]}, to: haiku}")
    assert problem.place == ("routes", 0, "when", "all", 0, "backend", "haiko")
    assert (problem.line, problem.column) == (4, 41)


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ("{to: [{backend: haiku, weight: 2}, qwen-coder]}", "`weight` has no effect with `choice: order`"),
        ("{to: [{backend: haiku, weight: 2}], choice: least_busy}", "`weight` has no effect with `choice: least_busy`"),
        ("{to: {backend: haiku, wait: 5s}}", "`wait` has no effect: there is no other backend"),
        ("{to: [haiku, {backend: haiku, weight: 2}], choice: weighted}", "`haiku` stands twice in `to`"),
    ],
)
def test_what_has_no_effect_is_a_warning(route: str, message: str) -> None:
    (problem,) = loaded(route).problems
    assert problem.severity == "warning"
    assert message in problem.message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{haiko: down}", "there is no backend `haiko`"),
        ("{haiku: gone}", "`haiku`: a backend is one of up, down, busy, free, loaded, unloaded, warm, cold"),
        ("{haiku: {queue: many}}", "`queue` is a whole number"),
        ("{haiku: {quue: 1}}", "`quue` is no option"),
    ],
)
def test_a_slip_in_the_state_that_a_test_assumes_is_told(given: str, message: str) -> None:
    problem = fault("{to: haiku}", f"tests:\n  - {{name: t, request: {{}}, expect: {{}}, given: {given}}}\n")
    assert message in problem.message
    assert problem.line == 6


def test_a_private_route_looks_into_mappings_too() -> None:
    text = (
        "version: 1\nbackends: {far: {url: 'https://example.org/v1'}}\nroutes: [{private: true, to: {backend: far}}]\n"
    )
    with pytest.raises(RulesError, match="is private, but backend `far` is not"):
        parse(text.encode(), "rules.yaml", {})


def test_an_optional_backend_is_left_out_of_mappings_too() -> None:
    text = (
        "version: 1\nbackends: {here: {url: 'http://127.0.0.1:9/v1'}, far: {url: '${FAR}', optional: true}}\n"
        "routes: [{to: [{backend: far, weight: 3}, {backend: here, weight: 2}], choice: weighted}]\n"
    )
    (target,) = parse(text.encode(), "rules.yaml", {}).rules.routes[0].to
    assert (target.backend, target.weight) == ("here", 2.0)
