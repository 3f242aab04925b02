"""Equal requests have one key, however they are spelled; any change of what is asked has another."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router.cache.key import IGNORED, Key, Unkeyable, canonical, key_of, repeats_a_key
from router.request.edit import parse

CHAT = "/v1/chat/completions"
REQUEST = {
    "model": "m",
    "temperature": 0,
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
    "tools": [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}],
}

numbers = st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(st.characters(codec="utf-8"), max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=12,
)
bodies = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), json_values, max_size=5)


def key(data: dict[str, Any], path: str = CHAT, headers: tuple[tuple[bytes, bytes], ...] = (), **asked: Any) -> Key:
    told = {"backend": "b", "revision": "", "client": None, "everyone": False, **asked}
    return key_of("route", path, told.pop("query", b""), list(headers), data, **told)


def spelled(value: Any, draw: Any) -> str:
    """JSON of the same value with other key orders, spaces, escapes and spellings of numbers."""
    gap = draw(st.sampled_from(["", " ", "\n\t"]))
    if isinstance(value, dict):
        items = draw(st.permutations(list(value.items())))
        return "{" + ",".join(f"{gap}{spelled(k, draw)}:{gap}{spelled(v, draw)}" for k, v in items) + gap + "}"
    if isinstance(value, list):
        return "[" + ",".join(gap + spelled(item, draw) for item in value) + gap + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    if isinstance(value, int) and not isinstance(value, bool):
        return draw(st.sampled_from([f"{value}", f"{value}.0", f"{value}.00", f"{value}e0", f"{value}0e-1"]))
    return json.dumps(value)


@given(bodies, st.data())
def test_order_of_keys_space_escapes_and_spelling_of_numbers_do_not_matter(data: dict[str, Any], draw: Any) -> None:
    plain = parse(json.dumps(data).encode())
    other = parse(spelled(data, draw.draw).encode())
    assert key(plain) == key(other)


def changed(value: Any, draw: Any) -> Any:
    """The value with one thing in it altered."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: changed(value[name], draw)}
    if isinstance(value, list) and value and draw(st.booleans()):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed(value[at], draw), *value[at + 1 :]]
    if isinstance(value, list) and len(value) > 1 and value != value[::-1] and draw(st.booleans()):
        return value[::-1]
    return draw(json_values)


def normal(value: Any) -> str:
    """What is the same for equal JSON: independent of `canonical`, by way of the standard library."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{normal(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(normal, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return json.dumps(int(value))
    return json.dumps(value)


@given(bodies, st.data())
def test_any_change_of_content_has_another_key(data: dict[str, Any], draw: Any) -> None:
    name = draw.draw(st.text(st.characters(codec="utf-8"), max_size=8))
    other = {**data, name: changed(data.get(name), draw.draw)}
    assume(name not in IGNORED and name != "store")
    assume(normal(data) != normal(other))
    assert key(data) != key(other)


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_what_does_not_change_the_answer_does_not_change_the_key(name: str) -> None:
    assert key({**REQUEST, name: "anything"}) == key(REQUEST)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "other"),
        ("temperature", 0.5),
        ("top_p", 0.9),
        ("seed", 7),
        ("max_tokens", 5),
        ("max_completion_tokens", 5),
        ("stop", ["\n"]),
        ("response_format", {"type": "json_object"}),
        ("tool_choice", "none"),
        ("n", 2),
        ("logit_bias", {"5": 1}),
        ("reasoning_effort", "low"),
        ("modalities", ["text", "audio"]),
        ("parallel_tool_calls", False),
        ("signalbox", {"world": True}),
        ("a_field_of_next_year", None),
    ],
)
def test_what_may_change_the_answer_changes_the_key(name: str, value: Any) -> None:
    assert key({**REQUEST, name: value}) != key(REQUEST)


def test_the_same_words_in_other_places_are_not_equal() -> None:
    keys = [
        key({"messages": [{"role": "user", "content": "ab"}]}),
        key({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}),
        key({"messages": [{"role": "assistant", "content": "ab"}]}),
        key({"messages": [{"role": "user", "content": ["ab"]}]}),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    "told",
    [
        {"backend": "other"},
        {"revision": "2"},
        {"client": "alice"},
        {"everyone": True},
        {"path": "/v1/completions"},
        {"query": b"a=1"},
        {"headers": ((b"anthropic-beta", b"x"),)},
    ],
)
def test_backend_revision_client_path_and_dialect_are_part_of_it(told: dict[str, Any]) -> None:
    assert key(REQUEST, **told) != key(REQUEST)


def test_a_client_called_like_nobody_is_not_nobody() -> None:
    keys = {
        key(REQUEST, client=None),
        key(REQUEST, client=""),
        key(REQUEST, client="None"),
        key(REQUEST, everyone=True),
    }
    assert len(keys) == 4


def test_everyone_shares_whoever_asks() -> None:
    assert key(REQUEST, client="alice", everyone=True) == key(REQUEST, client="bob", everyone=True)


def test_other_headers_do_not_matter() -> None:
    assert key(REQUEST, headers=((b"user-agent", b"x"), (b"traceparent", b"y"))) == key(REQUEST)


def test_stream_and_plain_share_a_key_where_one_can_be_made_of_the_other() -> None:
    streamed = {**REQUEST, "stream": True, "stream_options": {"include_usage": True}}
    assert key(streamed) == key(REQUEST)
    assert key(streamed, path="/v1/messages") != key(REQUEST, path="/v1/messages")


def test_whether_a_response_is_stored_counts_where_it_can_be_gone_on_from() -> None:
    stored = {**REQUEST, "store": True}
    assert key(stored) == key(REQUEST)
    assert key(stored, path="/v1/responses") != key(REQUEST, path="/v1/responses")


@pytest.mark.parametrize("number", ["1e400", "36893488147419103233", "1e17"])
def test_numbers_that_cannot_be_told_apart_have_no_key(number: str) -> None:
    with pytest.raises(Unkeyable):
        key(parse(b'{"seed": %b}' % number.encode()))


def test_half_a_surrogate_pair_has_a_key_of_its_own() -> None:
    one, two = (parse(b'{"messages": [{"content": "\\ud83%d"}]}' % n) for n in (1, 2))
    assert key(one) != key(two)


def test_nesting_beyond_reason_has_no_key() -> None:
    with pytest.raises(Unkeyable):
        key(orjson.loads(b'{"a": 1.0, "b": ' + b"[" * 1000 + b"]" * 1000 + b"}"))


@given(bodies)
def test_the_canonical_form_is_json_of_the_same(data: dict[str, Any]) -> None:
    assert normal(orjson.loads(canonical(data))) == normal(orjson.loads(orjson.dumps(data)))


@pytest.mark.parametrize("route", ["code", "everything else", "a*b?[c]", "a:b", "{x}", "ü"])
def test_the_name_tells_its_route(route: str) -> None:
    name = Key(route, "0" * 40).name
    assert Key.route_of(name) == route
    assert name.isascii()
    assert not set("*?[]\\") & set(name)


@pytest.mark.parametrize(
    ("body", "repeats"),
    [
        (b'{"a": 1, "b": {"a": 1}}', False),
        (b'{"a": 1, "a": 2}', True),
        (b'{"a": 1, "\\u0061": 2}', True),
        (b'{"x": [{"a": 1, "a": 2}]}', True),
        (b"[", True),
    ],
)
def test_a_key_that_stands_twice_is_seen(body: bytes, repeats: bool) -> None:
    assert repeats_a_key(body) is repeats
