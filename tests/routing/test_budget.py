"""The `budget` signal, the gate of that name, and what goes first at the soft mark."""

from __future__ import annotations

import pytest

from router.config.known import is_free
from router.config.schema import Rules
from router.request.envelope import Envelope
from router.request.signals import Signals
from router.request.spent import Spent
from router.routing.decision import Decision
from router.routing.plan import compile_plan
from tests.routing.sample import CHAT, condition, facts, plan

KNOWN = facts(home={"free": True}, eyes={"free": True})


def signals(percent: int = 0, soft: bool = False, over: str | None = None, **body: object) -> Signals:
    data = {"messages": [{"role": "user", "content": "hello"}], **body}
    return Signals(Envelope(CHAT, data), purse=lambda key: Spent(percent, soft, over))


def decide(spent: Signals, *to: str) -> Decision:
    return plan({"to": list(to)}).decide(spent, KNOWN)


@pytest.mark.parametrize(
    ("wanted", "percent", "holds"),
    [(">= 80", 80, True), (">= 80%", 79, False), ("50..80", 80, True), ("< 50", 120, False), ("50%..80%", 50, True)],
)
def test_the_signal_is_the_per_cent_spent(wanted: str, percent: int, holds: bool) -> None:
    assert condition({"budget": wanted}).holds(signals(percent)) is holds


def test_without_budgets_it_is_0() -> None:
    assert Signals(Envelope(CHAT, {})).budget == 0


def test_at_the_soft_mark_what_is_free_goes_first_and_all_else_keeps_its_order() -> None:
    decision = decide(signals(80, soft=True), "cloud", "home", "eyes")
    assert decision.order == ("home", "eyes", "cloud")
    assert decision.candidates[0].reason == "costs nothing, and a budget is past its soft mark"
    assert decide(signals(79), "cloud", "home").order == ("cloud", "home")
    assert decide(signals(80, soft=True), "home", "cloud").candidates[0].reason is None


def test_a_spent_budget_holds_back_what_costs_money_and_nothing_else() -> None:
    spent = signals(100, over="the budget is spent")
    decision = decide(spent, "cloud", "home")
    assert (decision.backend, decision.rejected) == ("home", (("cloud", "budget"),))
    assert decision.candidates[0].reason == "costs money, or has no known price, and the budget is spent"
    assert decide(spent, "cloud").backend is None


def test_a_backend_that_is_named_has_to_be_free_too() -> None:
    decision = plan({"to": "home"}).decide(signals(100, over="spent", model="cloud"), KNOWN)
    assert (decision.backend, decision.candidates[0].gate) == (None, "budget")


def test_many_routes_are_indexed_by_it_as_well() -> None:
    many = compile_plan(
        Rules.model_validate(
            {
                "version": 1,
                "backends": {name: {"url": "http://127.0.0.1:9/v1"} for name in ("home", "eyes", "cloud")},
                "routes": [
                    *({"name": f"m{n}", "when": {"model": f"m{n}"}, "to": "home"} for n in range(30)),
                    {"name": "spent", "when": {"budget": ">= 80"}, "to": "home"},
                    {"name": "rest", "to": "cloud"},
                ],
            }
        )
    )
    assert [many.decide(signals(percent), KNOWN).route for percent in (79, 80)] == ["rest", "spent"]


@pytest.mark.parametrize(
    ("spec", "free"),
    [
        ({"url": "http://x/v1"}, False),
        ({"url": "http://localhost/v1"}, False),
        ({"url": "http://x/v1", "price": 0}, True),
        ({"url": "http://x/v1", "price": {"input": 0}}, True),
        ({"url": "http://x/v1", "price": {"input": 0, "reasoning": 1}}, False),
        ({"url": "http://x/v1", "power": {"watts": 300, "per_kwh": 0.3}}, True),
        ({"kind": "litellm", "model": "openai/gpt-5.4"}, False),
        ({"kind": "gguf", "path": "m.gguf"}, True),
        ({"kind": "gguf", "path": "m.gguf", "price": {"input": 1}}, False),
        ({"kind": "world"}, True),
    ],
)
def test_free_is_what_nobody_sends_a_bill_for(spec: dict[str, object], free: bool) -> None:
    rules = Rules.model_validate({"version": 1, "backends": {"b": spec}})
    assert is_free(rules.backends["b"]) is free
