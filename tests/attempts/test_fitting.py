"""A client's schema can neither fetch, nor run for hours, nor stop the others."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from router.attempts.fitting import SECONDS, fault_by

DRAFTS = [
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
]
SLOW = {"pattern": "^(a+)+$"}
"""Takes Python's own regular expressions longer than anyone lives for the text below."""
TEXT = "a" * 40 + "!"


def seconds(schema: dict[str, Any], value: object) -> float:
    fault_by({}, value)  # the library is imported
    began = time.thread_time()
    fault_by(schema, value)
    return time.thread_time() - began


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$schema": "DRAFT", **SLOW}}},
        {"$schema": "DRAFT", "properties": {"a": {"$ref": "#"}}, **SLOW},
        {"properties": {"a": {"anyOf": [{"$ref": "#/$defs/x"}]}}, "$defs": {"x": {"$schema": "DRAFT", **SLOW}}},
        {"properties": {"a": {"not": {"not": {"$schema": "DRAFT", **SLOW}}}}},
        {"properties": {"a": {"if": {"$schema": "DRAFT", **SLOW}, "else": False}}},
    ],
)
def test_no_schema_brings_pythons_regular_expressions_back(
    draft: str, schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = json.loads(json.dumps(schema).replace("DRAFT", draft))
    assert fault_by(schema, {"a": "aaa"}) is None
    searched = re.search
    patterns: list[object] = []
    monkeypatch.setattr(re, "search", lambda pattern, *rest: patterns.append(pattern) or searched("", ""))
    assert fault_by(schema, {"a": TEXT}) == "$.a"
    assert SLOW["pattern"] not in patterns


def test_neither_anchors_nor_the_drafts_own_schemas_bring_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns: list[object] = []
    monkeypatch.setattr(re, "search", lambda pattern, *_: patterns.append(pattern))
    dynamic = {"$dynamicRef": "#x", "$defs": {"x": {"$dynamicAnchor": "x", "$schema": DRAFTS[-1], **SLOW}}}
    assert fault_by(dynamic, TEXT) == "$"
    for draft in DRAFTS:
        fault_by({"$dynamicAnchor": "meta", "$ref": draft, "properties": {"a": SLOW}}, {"properties": {"a": TEXT}})
    assert SLOW["pattern"] not in patterns


def doubling(keyword: str) -> dict[str, Any]:
    levels = {f"l{at}": {keyword: [{"$ref": f"#/$defs/l{at + 1}"}, {"$ref": f"#/$defs/l{at + 1}"}]} for at in range(40)}
    return {"$ref": "#/$defs/l0", "$defs": {**levels, "l40": {"type": "string"}}}


NUMBERS = list(range(40_000))
HOSTILE: dict[str, tuple[dict[str, Any], Any]] = {
    "all of two, forty times": (doubling("allOf"), "x"),
    "any of two, forty times": (doubling("anyOf"), 1),
    "one of two, forty times": (doubling("oneOf"), "x"),
    "itself": ({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, {}),
    "each item against each of a list": ({"items": {"enum": NUMBERS}}, [-1] * 40_000),
    "each item that is contained": ({"contains": {"enum": NUMBERS}}, [-1] * 40_000),
    "each item counted": ({"contains": {}, "maxContains": 1_000_000}, [0] * 120_000),
    "no item twice": ({"uniqueItems": True}, [{"a": at} if at % 2 else at for at in range(20_000)]),
    "not evaluated": ({"prefixItems": [True] * 20_000, "unevaluatedItems": False}, NUMBERS),
    "a long value told again and again": ({"anyOf": [{"type": "string"}] * 10_000}, ["x" * 100] * 2000),
    "names that are missing": ({"allOf": [{"required": [f"a{at}" for at in range(20_000)]}] * 5}, {}),
    "anchors": ({"items": {"$ref": "#a"}, "$defs": {str(at): {"$anchor": f"b{at}"} for at in range(5000)}}, NUMBERS),
    "a pattern with many states": ({"pattern": "(a?b?){500}c"}, "ab" * 100_000),
    "patterns of long texts": ({"items": {"pattern": "(a?b?){100}c"}}, ["ab" * 1000] * 100),
    "a pattern that is large": ({"items": {"pattern": r"(?:\pL?\pN?){300}!"}}, ["a"] * 1000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_asked_of_it_judging_ends_soon(name: str) -> None:
    took = seconds(*HOSTILE[name])
    assert took < 10 * SECONDS, f"{took:.2f} s"


def test_what_takes_too_long_is_not_judged() -> None:
    schema = {"allOf": [doubling("allOf")["$defs"]["l40"]], "$defs": doubling("allOf")["$defs"]}
    assert fault_by(schema, 1) == "$"
    assert fault_by(schema, 1, time.thread_time() - 1) is None, "no time is left"
    assert fault_by(doubling("allOf") | {"type": "string"}, 1) is None


def test_an_answer_of_some_length_is_judged_all_the_same() -> None:
    schema = {"items": {"properties": {"name": {"type": "string", "minLength": 1}}, "required": ["name"]}}
    items = [{"name": "ada"}] * 1000
    assert fault_by(schema, items) is None
    assert fault_by(schema, [*items, {"name": ""}]) == "$[1000].name"


parts = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "b", "ab", ""])
values = st.recursive(
    parts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=8
)
schemas = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "object", "array", "integer", "null"]),
            "enum": st.lists(values, min_size=1, max_size=3),
            "pattern": st.sampled_from(["^a", "b$", "[ab]+"]),
            "uniqueItems": st.booleans(),
            "maxItems": st.integers(0, 3),
            "required": st.just(["a"]),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner),
            "items": inner,
            "contains": inner,
            "not": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "$schema": st.just(DRAFTS[-1]),
        },
    ),
    max_leaves=8,
)


@given(schemas.filter(lambda schema: isinstance(schema, dict)), values)
def test_an_ordinary_schema_means_what_the_library_means_by_it(schema: dict[str, Any], value: Any) -> None:
    assert (fault_by(schema, value) is None) == Draft202012Validator(schema).is_valid(value)
