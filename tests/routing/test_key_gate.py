"""What a client key may do holds for every candidate, however it was chosen."""

from __future__ import annotations

import pytest

from router.config.grant import Grant, fits
from router.routing.decision import DIRECT, Decision
from router.routing.explain import explain
from router.routing.session import prefer
from tests.routing.sample import facts, plan, signals

ROUTES = ({"name": "code", "when": {"key": "*"}, "to": ["home", "cloud"]}, {"name": "rest", "to": "cloud"})


def decided(grant: Grant | None, *routes: dict[str, object], **body: object) -> Decision:
    return plan(*(routes or ROUTES)).decide(signals(key="k", grant=grant, **body), facts())


def test_a_key_without_limits_changes_nothing() -> None:
    assert decided(None).order == ("home", "cloud")
    assert decided(Grant("me", pass_key=True)).order == ("home", "cloud")


def test_other_backends_are_no_candidates_and_the_reason_names_those_that_are() -> None:
    decision = decided(Grant("ci", backends=("clo*",)))
    assert decision.order == ("cloud",)
    held = decision.candidates[0]
    assert (held.backend, held.gate) == ("home", "key")
    assert held.reason == 'is not for the key "ci", which is for backend clo* only'


def test_a_route_that_is_not_for_the_key_is_not_skipped_but_refused() -> None:
    decision = decided(Grant("ci", routes=("rest",)))
    assert (decision.route, decision.backend, decision.order) == ("code", None, ())
    assert {candidate.gate for candidate in decision.candidates} == {"key"}
    assert 'is on route "code", and the key "ci" is for route rest only' in str(decision.candidates[0].reason)


def test_a_backend_that_the_client_names_is_held_to_it_too() -> None:
    assert decided(Grant("ci", backends=("home",)), model="cloud").order == ()
    assert decided(Grant("ci", backends=("home",)), model="home").order == ("home",)
    assert decided(Grant("ci", routes=("rest",)), model="home").order == ()
    assert decided(Grant("ci", routes=("code",)), model="home").order == ("home",)
    other = decided(Grant("ci", routes=("code",)), model="eyes")
    assert (other.route, other.order) == (DIRECT, ())
    assert decided(Grant("ci", routes=("code", "direct")), model="eyes").order == ("eyes",)


def test_the_backend_of_the_turn_before_is_held_to_it_too() -> None:
    request = signals(key="k", grant=Grant("ci", backends=("home",)))
    decision = plan(*ROUTES).decide(request, facts())
    assert prefer(decision, "cloud", request, facts()).order == ("home",)


def test_a_private_key_makes_every_route_private() -> None:
    decision = decided(Grant("ci", private=True))
    assert (decision.order, decision.private) == (("home",), True)
    assert decision.candidates[1].gate == "privacy"
    assert 'the key "ci" is' in str(decision.candidates[1].reason)
    everywhere = decided(Grant("ci", private=True), {"name": "all", "to": "home"})
    assert (everywhere.order, everywhere.private) == (("home",), True)
    named = decided(Grant("ci", private=True), model="cloud")
    assert (named.order, named.private) == ((), True)
    assert decided(Grant("ci", private=True), {"name": "all", "to": "cloud"}, model="eyes").private is True


def test_explain_tells_the_gate_and_why() -> None:
    told = explain(plan(*ROUTES), signals(grant=Grant("ci", backends=("cloud",)), key="k"), facts())
    assert told["backend"] == "cloud"
    assert told["candidates"][0]["gate"] == "key"
    assert "which is for backend cloud only" in told["candidates"][0]["reason"]


@pytest.mark.parametrize(
    ("patterns", "name", "fit"),
    [
        (("a",), "a", True),
        (("a",), "ab", False),
        (("a*",), "ab", True),
        (("*",), "", True),
        (("a.c",), "abc", False),
        (("a|b",), "a", False),
        (("x", "a*c"), "a\nc", True),
        (("a", "b"), "ab", False),
    ],
)
def test_only_the_asterisk_means_more_than_itself(patterns: tuple[str, ...], name: str, fit: bool) -> None:
    assert fits(patterns, name) is fit
