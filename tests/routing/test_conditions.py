from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given

from router.request.signals import NAMES, Signals
from router.routing.conditions import CHEAP_FIRST, READERS
from router.routing.matches import REGEX_WINDOW
from tests.routing.sample import IMAGE, condition, faults, signals, tools
from tests.routing.whens import requests, whens


def holds(when: dict[str, Any], **request: Any) -> bool:
    return condition(when).holds(signals(**request))


def test_every_signal_of_a_request_can_stand_in_a_condition() -> None:
    assert {*READERS, "header", "backend"} == set(NAMES) == set(CHEAP_FIRST)


def test_no_conditions_always_hold() -> None:
    assert holds({})


def test_a_mapping_is_all_of() -> None:
    when = {"model": "tofy", "stream": True}
    assert holds(when, model="tofy", stream=True)
    assert not holds(when, model="tofy")


def test_a_list_as_value_is_one_of() -> None:
    assert holds({"model": ["a", "b"]}, model="b")
    assert not holds({"model": ["a", "b"]}, model="c")
    assert holds({"turns": [5, "< 2"]})


@pytest.mark.parametrize(
    ("pattern", "model", "wanted"),
    [
        ("world/*", "world/tofy", True),
        ("world/*", "world/", True),
        ("world/*", "World/tofy", False),
        ("*", "", True),
        ("gpt-*o*", "gpt-4o-mini", True),
        ("*-mini", "gpt-4o-mini", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("gpt-[45]", "gpt-4", False),
        ("gpt-?", "gpt-4", False),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_is_special(pattern: str, model: str, wanted: bool) -> None:
    assert holds({"model": pattern}, model=model) is wanted


def test_a_pattern_of_stars_is_quick_on_a_hostile_name() -> None:
    begin = time.perf_counter()
    assert not holds({"model": "a*" * 40 + "b"}, model="a" * 100_000)
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize(
    ("wanted", "found", "result"),
    [
        (5, 5, True),
        ("5", 5, True),
        ("< 2000", 1999, True),
        ("< 2000", 2000, False),
        ("<= 2k", 2000, True),
        (">= 8k", 8000, True),
        (">= 8k", 7999, False),
        ("> 1", 1, False),
        ("1k..32k", 1000, True),
        ("1k..32k", 32_000, True),
        ("1k .. 32k", 32_001, False),
        ("1.5k..1m", 1_000_000, True),
        (["1..2", "4..5"], 3, False),
    ],
)
def test_numbers_take_comparisons_and_ranges_that_include_their_ends(wanted: Any, found: int, result: bool) -> None:
    assert holds({"max_tokens": wanted}, max_tokens=found) is result


def test_a_number_that_was_not_sent_satisfies_no_comparison() -> None:
    assert not holds({"max_tokens": ">= 0"})
    assert holds({"not": {"max_tokens": ">= 0"}})


@pytest.mark.parametrize(
    ("wanted", "result"),
    [
        (True, True),
        (False, False),
        (2, True),
        ("> 2", False),
        ("bash", True),
        ("ba*", True),
        ("edit", False),
        (["edit", "web_*"], True),
        (["edit", "> 1"], True),
    ],
)
def test_tools_take_true_a_count_or_names(wanted: Any, result: bool) -> None:
    assert holds({"tools": wanted}, tools=tools("bash", "web_search")) is result


def test_a_header_is_compared_by_value_or_by_presence() -> None:
    headers = {"X-Task": "world", "x-empty": ""}
    assert holds({"header": {"x-task": "world"}}, headers=headers)
    assert holds({"header": {"X-TASK": ["a", "w*"]}}, headers=headers)
    assert holds({"header": {"x-empty": True, "x-none": False}}, headers=headers)
    assert not holds({"header": {"x-task": "world", "x-none": "1"}}, headers=headers)


def test_without_a_client_key_no_key_pattern_holds() -> None:
    assert not holds({"key": "*"})
    assert holds({"key": "team-*"}, key="team-a")


def test_text_is_searched_without_regard_to_case_unless_the_pattern_says_so() -> None:
    assert holds({"text": r"\bDEPLOY"}, text="please deploy")
    assert not holds({"text": r"(?-i)\bDEPLOY"}, text="please deploy")
    assert holds({"text": ["nothing", "straße"]}, text="In der STRASSE? Nein: STRAßE")


def test_no_regular_expression_is_slow_on_any_text() -> None:
    begin = time.perf_counter()
    assert not holds({"text": r"(a+)+$"}, text="a" * 100_000 + "!")
    assert not holds({"text": r".*.*.*=.*"}, text="x" * 100_000)
    assert time.perf_counter() - begin < 0.5


def test_of_a_long_text_the_beginning_and_the_end_are_searched() -> None:
    long = "first " + "x " * (2 * REGEX_WINDOW) + " last"
    assert holds({"text": "first.*"}, text=long)
    assert holds({"text": "last$"}, text=long)


def test_half_a_surrogate_pair_is_only_a_character_that_does_not_match() -> None:
    request = signals()
    request.envelope.data["messages"] = [{"role": "user", "content": "x\ud800"}]
    assert condition({"text": "x"}).holds(request)


@pytest.mark.parametrize(
    ("wanted", "at", "result"),
    [
        ("22:00..07:00", "2026-11-21T22:00", True),
        ("22:00..07:00", "2026-11-21T06:59", True),
        ("22:00..07:00", "2026-11-21T07:00", False),
        ("09:00..17:00", "2026-11-21T16:59:59", True),
        ("00:00..24:00", "2026-11-21T23:59", True),
        ("mon..fri", "2026-11-20T23:59", True),
        ("mon..fri", "2026-11-21T00:00", False),
        ("Saturday", "2026-11-21T12:00", True),
        ("sat..mon", "2026-11-23T12:00", True),
        ("sat..mon", "2026-11-24T12:00", False),
        ("mon..fri 09:00..17:00", "2026-11-20T12:00", True),
        ("fri 22:00..07:00", "2026-11-21T03:00", True),
        ("fri 22:00..07:00", "2026-11-20T03:00", False),
        ("sun 22:00..07:00", "2026-11-23T03:00", True),
        (["sat", "mon 08:00..09:00"], "2026-11-23T08:30", True),
    ],
)
def test_time_takes_hours_weekdays_and_both(wanted: Any, at: str, result: bool) -> None:
    assert holds({"time": wanted}, at=datetime.fromisoformat(at)) is result


def test_any_all_and_not_nest() -> None:
    when = {"any": [{"model": "a"}, {"all": [{"stream": True}, {"not": {"tools": True}}]}]}
    assert holds(when, model="a", tools=tools("x"))
    assert holds(when, model="b", stream=True)
    assert not holds(when, model="b", stream=True, tools=tools("x"))


def test_not_with_a_list_means_none_of_them() -> None:
    when = {"not": [{"model": "a"}, {"stream": True}]}
    assert holds(when, model="b")
    assert not holds(when, model="b", stream=True)


def test_a_cheap_condition_that_fails_spares_the_expensive_one() -> None:
    request = signals(model="b")
    assert not condition({"task": "code", "text": "x", "model": "a"}).holds(request)
    with pytest.raises(AttributeError):
        Signals.task.__get__(request)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("when", "place", "words"),
    [
        ({"tokns": 5}, ("when", "tokns"), "there is no signal `tokns`"),
        ({"any": [{"model": "a"}, {"imgae": True}]}, ("when", "any", 1, "imgae"), "there is no signal `imgae`"),
        ({"any": {"model": "a"}}, ("when", "any"), "takes a list"),
        ({"all": []}, ("when", "all"), "takes a list"),
        ({"not": []}, ("when", "not"), "takes a mapping or a list"),
        ({"any": [{}]}, ("when", "any", 0), "a mapping of conditions"),
        ({"not": {"tokens": "x"}}, ("when", "not", "tokens"), 'not "x"'),
        ({"image": "yes"}, ("when", "image"), "takes true or false"),
        ({"image": [True, False]}, ("when", "image"), "not in a list"),
        ({"tokens": True}, ("when", "tokens"), "takes a number"),
        ({"tokens": 2.5}, ("when", "tokens"), "takes a number"),
        ({"tokens": "9..5"}, ("when", "tokens"), "ends before it begins"),
        ({"tokens": "1.2345k"}, ("when", "tokens"), "whole numbers"),
        ({"tokens": "< 0"}, ("when", "tokens"), "which nothing is"),
        ({"task": ["code", "chatt"]}, ("when", "task", 1), 'does not know "chatt"'),
        ({"harness": "emacs*"}, ("when", "harness"), "does not know"),
        ({"dialect": "gemini"}, ("when", "dialect"), "does not know"),
        ({"model": None}, ("when", "model"), "takes a text, not nothing"),
        ({"model": []}, ("when", "model"), "empty list"),
        ({"model": {"a": 1}}, ("when", "model"), "not a mapping"),
        ({"text": "(a"}, ("when", "text"), "missing )"),
        ({"text": ["fine", "[z-a]"]}, ("when", "text", 1), "invalid character class range"),
        ({"text": ""}, ("when", "text"), "takes a regular expression"),
        ({"header": "x"}, ("when", "header"), "takes a mapping of header names"),
        ({"header": {"x-a": None}}, ("when", "header", "x-a"), "takes a text"),
        ({"time": "25:00..26:00"}, ("when", "time"), "no time of the day"),
        ({"time": "07:00..07:00"}, ("when", "time"), "ends when it begins"),
        ({"time": "mon..fry"}, ("when", "time"), 'does not know the weekday "fry"'),
        ({"time": "noon"}, ("when", "time"), 'weekday "noon"'),
        ({"backend": "a"}, ("when", "backend"), "takes a mapping of backends to states"),
        ({"backend": {"a": "upp"}}, ("when", "backend", "a"), 'does not know "upp"'),
        ({"backend": {"a": []}}, ("when", "backend", "a"), "empty list"),
        ({"backend": {"a": {}}}, ("when", "backend", "a"), "empty mapping"),
        ({"backend": {"a": {"queu": 1}}}, ("when", "backend", "a"), "has no `queu`"),
        ({"backend": {"a": {"queue": "few"}}}, ("when", "backend", "a"), "takes a number"),
        ({"backend": {"a": {"up": "yes"}}}, ("when", "backend", "a"), "takes true or false"),
        ({"backend": {"a": True}}, ("when", "backend", "a"), "does not know"),
    ],
)
def test_a_wrong_condition_is_told_with_its_place(when: dict[str, Any], place: tuple[Any, ...], words: str) -> None:
    found = faults(when)
    assert [problem.place for problem in found] == [place]
    assert words in found[0].message


def test_a_misspelled_signal_gets_the_right_one_as_hint() -> None:
    assert faults({"tokns": 5})[0].hint == 'did you mean "tokens"?'
    assert faults({"backend": {"a": "wram"}})[0].hint == 'did you mean "warm"?'
    assert faults({"backend": {"a": {"queu": 1}}})[0].hint == 'did you mean "queue"?'
    assert faults({"task": "cod"})[0].hint == 'did you mean "code"?'
    assert faults({"time": "mon..fry"})[0].hint == 'did you mean "fri"?'


def test_a_look_ahead_is_refused_with_the_reason() -> None:
    assert "no look-around" in str(faults({"text": "a(?=b)"})[0].hint)


def test_all_faults_of_a_condition_are_told_at_once() -> None:
    assert len(faults({"a": 1, "tokens": "x", "any": [{"b": 1}, {"text": "("}]})) == 4


def test_a_trace_judges_every_condition_also_after_one_that_fails() -> None:
    trace = condition({"model": "a", "tokens": "< 2000", "header": {"x-task": "world"}}).trace(signals(model="b"))
    assert [entry["ok"] for entry in trace] == [False, True, False]
    assert trace[0] == {"signal": "model", "wanted": "a", "found": "b", "ok": False}
    assert trace[2]["wanted"] == {"x-task": "world"}
    assert trace[2]["found"] == {"x-task": None}


def test_any_and_not_are_one_readable_entry_each_of_a_trace() -> None:
    when = {"any": [{"model": ["tofy", "world/*"]}, {"stream": True, "task": "world"}], "not": {"image": True}}
    chosen, negated = condition(when).trace(signals(model="x"))
    assert chosen["wanted"] == "model tofy or world/*; or stream true and task world"
    assert chosen["found"] == {"model": "x", "stream": False, "task": "chat"}
    assert negated == {"signal": "not", "wanted": "image true", "found": {"image": False}, "ok": True}


def test_a_long_text_is_cut_in_a_trace_with_its_length() -> None:
    found = condition({"text": "x"}).trace(signals("a" * 5000))[0]["found"]
    assert found.endswith("… (5,000 characters)")
    assert len(found) < 200


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "X-Gateway-Token"])
def test_neither_a_secret_header_nor_what_it_should_be_is_shown_in_a_trace(name: str) -> None:
    request = signals(headers={name: "Bearer s3cret"})
    for when in ({"header": {name: "Bearer s3*"}}, {"any": [{"header": {name: "Bearer s3*"}}, {"stream": True}]}):
        (told,) = condition(when).trace(request)
        assert told["ok"]
        assert "s3" not in str(told) and "(not shown)" in str(told)
    (told,) = condition({"header": {name: True}}).trace(request)
    assert (told["wanted"], told["ok"]) == ({name: True}, True)


def test_tools_are_found_as_count_or_as_names_as_they_are_wanted() -> None:
    request = signals(tools=tools("bash", "edit"), messages=[IMAGE])
    assert condition({"tools": "> 1"}).trace(request)[0]["found"] == 2
    assert condition({"tools": "bash"}).trace(request)[0]["found"] == ["bash", "edit"]


@given(whens, requests())
def test_a_condition_holds_exactly_when_all_entries_of_its_trace_are_ok(when: dict[str, Any], request: Signals) -> None:
    compiled = condition(when)
    trace = compiled.trace(request)
    assert compiled.holds(request) is all(entry["ok"] for entry in trace)
    orjson.dumps(trace)


@given(whens, whens, requests())
def test_what_is_said_to_imply_something_does(one: dict[str, Any], other: dict[str, Any], request: Signals) -> None:
    first, second = condition(one), condition(other)
    if first.implies(second) and first.holds(request):
        assert second.holds(request)
    assert first.implies(first)
