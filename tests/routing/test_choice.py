"""The order of those that may be asked: by weight, by how busy they are, by the conversation, by how long it takes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.facts import Facts
from router.config.schema import Route
from router.request.envelope import Envelope
from router.request.signals import Signals
from router.request.spent import Spent
from router.routing.choice.chooser import STRATEGIES
from router.routing.explain import explain
from router.routing.plan import Plan
from router.routing.printout import Style, printout
from tests.routing.sample import CHAT, Still, facts, plan, signals

NAMES = ("home", "eyes", "cloud")


def running(**loads: Still) -> dict[str, Facts]:
    """Facts of backends that run: idle, with one slot, where nothing is said."""
    return facts(**{name: {"load": loads.get(name, Still(1))} for name in NAMES})


def route(choice: str, *to: Any) -> Plan:
    return plan({"to": list(to or NAMES), "choice": choice})


def sent(routes: Plan, known: dict[str, Facts], request: Signals) -> str | None:
    """Decided as the journey does it, and answered."""
    decision = routes.decide(request, known)
    routes.taken(decision)
    if decision.backend is not None:
        load = known[decision.backend].load
        assert load is not None
        load.warm.put(request.prefixes)
    return decision.backend


def turns(name: str, count: int) -> list[dict[str, str]]:
    """A conversation's messages up to its turn number `count`."""
    messages = [{"role": "system", "content": "You are a helpful assistant."}]
    for turn in range(count):
        messages += [
            {"role": "user", "content": f"{name} asks {turn}"},
            {"role": "assistant", "content": f"answer {turn}"},
        ]
    return messages[:-1]


def signals_with_a_soft_budget() -> Signals:
    data = {"messages": [{"role": "user", "content": "hello"}]}
    return Signals(Envelope(CHAT, data), purse=lambda key: Spent(80, True, None))


def told(routes: Plan, known: dict[str, Facts], request: Signals | None = None) -> dict[str, str | None]:
    return {each["backend"]: each["reason"] for each in explain(routes, request or signals(), known)["candidates"]}


def test_every_word_of_choice_but_order_has_a_strategy() -> None:
    words = Route.model_fields["choice"].annotation.__args__  # type: ignore[union-attr]
    assert set(words) == {"order", *STRATEGIES}


def test_a_route_without_a_choice_keeps_to_its_list_and_has_nothing_that_chooses() -> None:
    routes = plan({"to": list(NAMES)})
    assert routes.routes[0].chooser is None
    assert routes.decide(signals(), running(home=Still(1, busy=1, waiting=9))) is routes.routes[0].unhindered


def test_weights_are_kept_exactly_and_well_mixed() -> None:
    routes = route("weighted", {"backend": "home", "weight": 5}, "eyes", "cloud")
    asked = [sent(routes, running(), signals()) for _ in range(14)]
    assert asked[:7] == ["home", "home", "eyes", "home", "cloud", "home", "home"]
    assert asked[7:] == asked[:7]


@given(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any))
def test_over_a_whole_round_each_weight_is_served_that_often(weights: list[int]) -> None:
    entries = [{"backend": name, "weight": weight} for name, weight in zip(NAMES, weights, strict=True)]
    routes, known, request = route("weighted", *entries), running(), signals()
    count = Counter(sent(routes, known, request) for _ in range(sum(weights)))
    assert count == Counter(dict(zip(NAMES, weights, strict=True)))


def test_a_weight_of_nothing_is_asked_only_when_the_others_cannot() -> None:
    routes = route("weighted", {"backend": "home", "weight": 0}, "eyes")
    assert {sent(routes, running(), signals()) for _ in range(5)} == {"eyes"}
    known = running()
    known["eyes"].up = False
    assert routes.decide(signals(), known).order == ("home",)


def test_while_one_is_away_the_others_share_by_weight_and_it_has_nothing_to_catch_up_with() -> None:
    routes = route("weighted", {"backend": "home", "weight": 2}, "eyes", "cloud")
    known = running()
    known["home"].up = False
    assert Counter(sent(routes, known, signals()) for _ in range(10)) == {"eyes": 5, "cloud": 5}
    known["home"].up = True
    assert Counter(sent(routes, known, signals()) for _ in range(8)) == {"home": 4, "eyes": 2, "cloud": 2}


def test_asking_why_takes_nobodys_turn() -> None:
    routes = route("weighted", {"backend": "home", "weight": 2}, "eyes")
    for _ in range(5):
        assert told(routes, running())["home"] == "weight 2 of 3, and it is its turn"
    assert sent(routes, running(), signals()) == "home"


def test_the_least_busy_for_each_of_its_slots_comes_first() -> None:
    known = running(home=Still(4, busy=2), eyes=Still(1, busy=1, waiting=1), cloud=Still(None, busy=1))
    assert route("least_busy").decide(signals(), known).order == ("home", "cloud", "eyes")


def test_of_equally_busy_ones_the_faster_comes_first_and_one_of_unknown_speed_is_tried() -> None:
    known = running()
    known["home"].load.first.add(2.0)  # type: ignore[union-attr]
    known["eyes"].load.first.add(0.5)  # type: ignore[union-attr]
    assert route("least_busy").decide(signals(), known).order == ("cloud", "eyes", "home")


def test_one_that_was_slow_once_is_tried_again_after_a_while() -> None:
    slow, fast = Still(1), Still(1)
    slow.first.add(20.0)
    fast.first.add(0.5)
    slow.now += 600.0
    assert route("least_busy", "eyes", "home").decide(signals(), running(home=slow, eyes=fast)).backend == "home"


def test_a_conversation_stays_where_it_was_served() -> None:
    routes, known = route("sticky"), running()
    for name in "abcdefgh":
        first = sent(routes, known, signals(messages=turns(name, 1)))
        assert {sent(routes, known, signals(messages=turns(name, count))) for count in range(2, 8)} == {first}


def test_conversations_with_one_system_prompt_spread_out() -> None:
    routes, known = route("sticky"), running()
    count = Counter(sent(routes, known, signals(messages=turns(f"user {n}", 1))) for n in range(300))
    assert min(count[name] for name in NAMES) > 70


def test_workers_that_know_nothing_of_each_other_agree_where_a_conversation_belongs() -> None:
    for n in range(50):
        request = signals(messages=turns(f"user {n}", 1))
        later = signals(messages=turns(f"user {n}", 4))
        assert route("sticky").decide(request, running()).order == route("sticky").decide(later, running()).order


def test_a_backend_that_goes_moves_only_its_own_conversations_and_gets_new_ones_when_it_comes_back() -> None:
    routes = route("sticky")
    requests = [signals(messages=turns(f"user {n}", 1)) for n in range(60)]
    before = [routes.decide(request, running()).backend for request in requests]
    gone = running()
    gone["home"].up = False
    during = [routes.decide(request, gone).backend for request in requests]
    assert [b for b, d in zip(before, during, strict=True) if b != d] == ["home"] * before.count("home")
    assert "home" not in during
    assert [routes.decide(request, running()).backend for request in requests] == before


def test_a_conversation_leaves_a_full_backend_and_comes_back_to_where_it_belongs() -> None:
    routes, known = route("sticky"), running()
    where = sent(routes, known, signals(messages=turns("a", 1)))
    assert where is not None
    load = known[where].load
    assert isinstance(load, Still)
    load.busy = load._queued = 1
    other = sent(routes, known, signals(messages=turns("a", 2)))
    assert other != where
    load.busy = load._queued = 0
    assert sent(routes, known, signals(messages=turns("a", 3))) == where


def test_a_conversation_that_was_long_elsewhere_stays_there() -> None:
    routes, known = route("sticky"), running()
    where = sent(routes, known, signals(messages=turns("a", 1)))
    assert where is not None
    known[where].up = False
    elsewhere = {sent(routes, known, signals(messages=turns("a", count))) for count in range(2, 10)}
    assert len(elsewhere) == 1
    known[where].up = True
    assert {sent(routes, known, signals(messages=turns("a", 10)))} == elsewhere


def test_new_conversations_do_not_pile_up_where_many_are_in_flight_already() -> None:
    routes = route("sticky", "home", "eyes")
    known = running(home=Still(4, busy=3), eyes=Still(4))
    assert {sent(routes, known, signals(messages=turns(f"user {n}", 1))) for n in range(40)} == {"eyes"}


def test_the_same_question_from_many_does_not_go_to_one_backend_alone() -> None:
    routes, known = route("sticky", "home", "eyes"), running(home=Still(50), eyes=Still(50))
    for _ in range(40):
        name = routes.decide(signals(messages=turns("all", 1)), known).backend
        assert name is not None
        known[name].load.busy += 1  # type: ignore[union-attr]
    assert max(known[name].load.busy for name in ("home", "eyes")) <= 26  # type: ignore[union-attr]


def test_a_sticky_weight_is_the_share_of_new_conversations() -> None:
    routes, known = (
        route("sticky", {"backend": "home", "weight": 3}, "eyes", {"backend": "cloud", "weight": 0}),
        running(),
    )
    count = Counter(sent(routes, known, signals(messages=turns(f"user {n}", 1))) for n in range(400))
    assert count["cloud"] == 0
    assert 2.2 < count["home"] / count["eyes"] < 4.2


def test_a_conversation_leaves_a_backend_of_weight_nothing_as_soon_as_it_can() -> None:
    routes, known = route("sticky", "home", {"backend": "cloud", "weight": 0}), running()
    known["home"].up = False
    for count in range(1, 9):
        assert sent(routes, known, signals(messages=turns("a", count))) == "cloud"
    known["home"].up = True
    assert sent(routes, known, signals(messages=turns("a", 9))) == "home"


def waiting(seconds: float) -> Still:
    """With a queue that takes so long."""
    load = Still(1, busy=1)
    load.service = seconds
    return load


TO = ({"backend": "home", "wait": "5s"}, "cloud")


def test_a_candidate_whose_queue_would_take_longer_than_it_may_is_passed_over() -> None:
    assert route("order", *TO).decide(signals(), running(home=waiting(5.1))).order == ("cloud", "home")
    assert route("order", *TO).decide(signals(), running(home=waiting(4.9))).order == ("home", "cloud")


def test_a_candidate_that_is_slow_without_a_queue_is_passed_over_until_that_has_faded() -> None:
    slow = Still(1)
    slow.first.add(9.0)
    assert route("order", *TO).decide(signals(), running(home=slow)).backend == "cloud"
    slow.now += 60.0
    assert route("order", *TO).decide(signals(), running(home=slow)).backend == "home"


def test_one_of_which_nothing_is_known_is_not_passed_over() -> None:
    assert route("order", *TO).decide(signals(), running(home=Still(1, busy=1, waiting=9))).backend == "home"
    assert route("order", *TO).decide(signals(), facts()).backend == "home"


def test_the_last_candidate_does_not_spill_into_nothing() -> None:
    known = running(home=waiting(60))
    known["cloud"].up = False
    assert route("order", *TO).decide(signals(), known).order == ("home",)


def test_where_all_would_take_too_long_the_soonest_is_asked() -> None:
    both = route("order", {"backend": "home", "wait": 1}, {"backend": "eyes", "wait": 1})
    assert both.decide(signals(), running(home=waiting(9), eyes=waiting(3))).order == ("eyes", "home")
    assert both.decide(signals(), running(home=waiting(3), eyes=waiting(9))).order == ("home", "eyes")


def test_one_that_is_passed_over_is_told_and_counted_like_a_gates_rejection_but_may_still_be_asked() -> None:
    decision = route("order", *TO).decide(signals(), running(home=waiting(9)))
    assert decision.order == ("cloud", "home")
    assert decision.rejected == (("home", "wait"),)
    both = route("order", {"backend": "home", "wait": 1}, {"backend": "eyes", "wait": 1})
    assert both.decide(signals(), running(home=waiting(9), eyes=waiting(3))).rejected == (("home", "wait"),)
    assert both.decide(signals(), running()).rejected == ()


def test_a_choice_and_a_wait_go_together() -> None:
    routes = route("weighted", {"backend": "home", "weight": 9, "wait": "5s"}, "cloud")
    assert routes.decide(signals(), running(home=waiting(6))).order == ("cloud", "home")


def test_the_gates_come_first_and_those_they_reject_stay_rejected() -> None:
    known = running(home=Still(4, busy=3))
    known["eyes"].tools = False
    decision = route("least_busy").decide(signals(tools=[{"type": "function", "function": {"name": "bash"}}]), known)
    assert decision.order == ("cloud", "home")
    assert decision.rejected == (("eyes", "tools"),)


def test_a_named_backend_is_asked_whatever_the_choice_says() -> None:
    decision = route("order", *TO).decide(signals(model="home"), running(home=waiting(60)))
    assert decision.order == ("home",)


def test_of_a_backend_listed_twice_the_first_entry_counts() -> None:
    routes = route("weighted", {"backend": "home", "weight": 3}, "eyes", {"backend": "home", "weight": 1})
    assert Counter(sent(routes, running(), signals()) for _ in range(8)) == {"home": 6, "eyes": 2}


@given(
    st.sampled_from(sorted(STRATEGIES)),
    st.lists(st.tuples(st.none() | st.integers(1, 4), st.integers(0, 4), st.integers(0, 3)), min_size=3, max_size=3),
    st.lists(st.none() | st.sampled_from([True, False]), min_size=3, max_size=3),
    st.lists(st.none() | st.floats(0, 20), min_size=3, max_size=3),
)
def test_a_choice_only_reorders_what_the_gates_let_through(
    choice: str, loads: list[tuple[int | None, int, int]], up: list[bool | None], waits: list[float | None]
) -> None:
    known = running(**{name: Still(*load) for name, load in zip(NAMES, loads, strict=True)})
    for name, state in zip(NAMES, up, strict=True):
        known[name].up = state
    entries = [{"backend": name, "wait": wait} for name, wait in zip(NAMES, waits, strict=True)]
    plain = plan({"to": list(NAMES)}).decide(signals(), known)
    chosen = route(choice, *entries).decide(signals(), known)
    assert sorted(chosen.order) == sorted(plain.order)
    assert sorted(each for each in chosen.rejected if each[1] != "wait") == sorted(plain.rejected)
    assert chosen.backend == (chosen.order[0] if chosen.order else None)


def test_an_explanation_tells_the_strategy_and_the_figures() -> None:
    known = running(home=Still(4, busy=2, waiting=0), eyes=Still(1))
    known["eyes"].load.first.add(0.42)  # type: ignore[union-attr]
    found = explain(route("least_busy"), signals(), known)
    assert found["choice"] == "least_busy"
    assert [each["reason"] for each in found["candidates"]] == [
        "0 in flight, 1 slot, speed not known",
        "0 in flight, 1 slot, first content after 0.42 s",
        "2 in flight, 4 slots, speed not known",
    ]
    text = printout(route("least_busy"), found, Style(False))
    assert "Candidates, in order (choice: least_busy)" in text
    assert "2 in flight, 4 slots" in text


def test_an_explanation_tells_of_a_spill_with_the_figures() -> None:
    load = Still(2, busy=2, waiting=1)
    load.service = 10.0
    load.first.add(1.5)
    why = told(route("order", *TO), running(home=load))
    assert list(why) == ["cloud", "home"]
    assert why["home"] == (
        "would take about 12 s until the first token (2 in the queue with this one, 10 s each, 2 at once, then 1.5 s), "
        "and may take 5 s"
    )


def test_an_explanation_of_a_sticky_route_tells_how_much_of_the_conversation_is_known() -> None:
    routes, known = route("sticky", "home", "eyes"), running()
    where = sent(routes, known, signals(messages=turns("a", 3)))
    why = told(routes, known, signals(messages=turns("a", 4)))
    assert next(iter(why)) == where
    assert str(why[str(where)]).startswith("has served this conversation up to message 5 of 7")
    assert any("by its hash" in str(each) for each in told(routes, known, signals("new")).values())


@pytest.mark.parametrize("choice", ["least_busy", "sticky", "weighted"])
def test_without_a_running_server_an_explanation_says_what_it_cannot_know(choice: str) -> None:
    why = told(route(choice, {"backend": "home", "wait": 5}, "eyes"), facts())
    assert "only a running server knows" in str(why["home"])


def test_who_was_passed_over_by_weight_has_nothing_to_catch_up_with() -> None:
    routes = route("weighted", {"backend": "home", "wait": "5s"}, "cloud")
    late = running(home=waiting(9))
    assert {sent(routes, late, signals()) for _ in range(200)} == {"cloud"}
    assert Counter(sent(routes, running(), signals()) for _ in range(10)) == {"home": 5, "cloud": 5}


def test_whom_a_soft_budget_keeps_behind_is_owed_one_round_at_most() -> None:
    routes = route("weighted", {"backend": "cloud", "weight": 3}, "home", "eyes")
    known = running()
    known["home"].free = True
    thrifty = signals_with_a_soft_budget()
    assert {sent(routes, known, thrifty) for _ in range(200)} == {"home"}
    after = [sent(routes, known, signals()) for _ in range(10)]
    assert after.count("home") >= 1
    assert Counter(sent(routes, known, signals()) for _ in range(100)) == {"cloud": 60, "home": 20, "eyes": 20}
