"""Bodies are read as clients write them, and edited so that all bytes but the changed values stay."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.request.edit import REMOVE, edit, parse

KEYS = st.one_of(
    st.sampled_from(["model", "stream", "messages", "tools", 'qu"ote', "back\\", "é", "😀", "a/b", "", "\n"]), st.text()
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just('"model":'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)
SPACE = st.text(alphabet=" \t\r\n", max_size=3)


def escaped(text: str) -> str:
    """Every character as \\uXXXX."""
    units = text.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2)) + '"'


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An object spelled in some odd way, members in order and duplicates among them, with what it means."""
    members = draw(st.lists(st.tuples(KEYS, VALUES), max_size=6))
    ascii_only = draw(st.booleans())
    spelled = []
    for key, value in members:
        name = escaped(key) if draw(st.booleans()) and draw(st.booleans()) else json.dumps(key, ensure_ascii=ascii_only)
        text = json.dumps(value, ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 0, 2])))
        spelled.append(f"{draw(SPACE)}{name}{draw(SPACE)}:{draw(SPACE)}{text}{draw(SPACE)}")
    text = f"{draw(SPACE)}{{{','.join(spelled) or draw(SPACE)}}}{draw(SPACE)}"
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text))
    return text, json.loads(text)


@given(documents(), OBJECTS, st.lists(st.integers(0, 5), max_size=3))
def test_an_edited_body_means_the_old_body_with_the_changes(
    document: tuple[str, dict[str, Any]], changes: dict[str, Any], picks: list[int]
) -> None:
    text, data = document
    existing = list(data)
    changes = {**changes, **{existing[i]: "new" for i in picks if i < len(existing)}}
    assert json.loads(edit(text.encode(), data, changes)) == {**data, **changes}


@given(documents(), st.lists(st.integers(0, 5), max_size=4), OBJECTS)
def test_removed_fields_are_gone_in_every_spelling(
    document: tuple[str, dict[str, Any]], picks: list[int], added: dict[str, Any]
) -> None:
    text, data = document
    existing = list(data)
    removed = {existing[i] for i in picks if i < len(existing)} | {"never there"}
    changes = {**added, **dict.fromkeys(removed, REMOVE)}
    expected = {key: value for key, value in {**data, **added}.items() if key not in removed}
    pairs = json.loads(edit(text.encode(), data, changes), object_pairs_hook=lambda pairs: pairs)
    assert not removed & {key for key, _ in pairs}
    assert json.loads(edit(text.encode(), data, changes)) == expected


@given(documents())
def test_every_duplicate_of_a_changed_field_is_changed(document: tuple[str, dict[str, Any]]) -> None:
    text, data = document
    for key in data:
        pairs = json.loads(edit(text.encode(), data, {key: "only"}), object_pairs_hook=lambda pairs: pairs)
        assert {value for name, value in pairs if name == key} == {"only"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"model":"a","t":1.0,"x":1e400}', '{"model":"b","t":1.0,"x":1e400}'),
        (
            '{ "n" : 123456789012345678901234567890 , "model" : "a" }',
            '{ "n" : 123456789012345678901234567890 , "model" : "b" }',
        ),
        ('{"model":"a","mode\\u006c":"evil"}', '{"model":"b","mode\\u006c":"b"}'),
        ('{"\\u006dodel":"evil","x":"\\u006c"}', '{"\\u006dodel":"b","x":"\\u006c"}'),
        ('{"m\\u006Fdel":null}', '{"m\\u006Fdel":"b"}'),
        ('{"model":"a","model":["evil"]}', '{"model":"b","model":"b"}'),
        ('{"x":{"model":"keep"},"model":"a"}', '{"x":{"model":"keep"},"model":"b"}'),
        ('{"x":"\\"model\\":","model":"a\\"}"}', '{"x":"\\"model\\":","model":"b"}'),
        ('{"x":"model","model":{"y":"}"}}', '{"x":"model","model":"b"}'),
        ('{"x":"\\\\","model":7}', '{"x":"\\\\","model":"b"}'),
        ('{"e":"\\u00e9","u":"caf\u00e9","model":"a"}', '{"e":"\\u00e9","u":"caf\u00e9","model":"b"}'),
        ("{}", '{"model":"b"}'),
        ('\n{ "x":1}', '\n{"model":"b", "x":1}'),
    ],
)
def test_all_bytes_but_the_value_stay(body: str, expected: str) -> None:
    assert edit(body.encode(), parse(body.encode()), {"model": "b"}).decode() == expected


def test_one_value_may_be_removed_while_another_is_set_and_a_third_added() -> None:
    body = b'{"a":1, "model":"x", "z":[1,{"a":2}]}'
    assert (
        edit(body, parse(body), {"z": REMOVE, "model": "y", "new": {"k": 1}}) == b'{"new":{"k":1},"a":1, "model":"y"}'
    )
    assert edit(body, parse(body), dict.fromkeys("az", REMOVE)) == b'{ "model":"x"}'
    assert parse(edit(body, parse(body), dict.fromkeys(["a", "z", "model"], REMOVE))) == {}


def test_no_change_gives_the_same_body() -> None:
    body = b'{"a":1}'
    assert edit(body, {"a": 1}, {}) is body
    assert edit(body, {"a": 1}, {"b": REMOVE}) is body


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body is empty, not JSON"),
        (b"  \n", "the body is empty, not JSON"),
        (b"[1]", "the body is a JSON array, not an object"),
        (b'"x"', "the body is a JSON string, not an object"),
        (b"null", "the body is JSON null, not an object"),
        (b"true", "the body is a JSON boolean, not an object"),
        (b"7", "the body is a JSON number, not an object"),
        (b"{", "the body is not JSON: "),
        (b'{"a":NaN}', "the body is not JSON: "),
        (b'{"a":"\\ud800","b":NaN}', "the body is not JSON: NaN is not a JSON value"),
        (b'{"a":1}x', "the body is not JSON: "),
        (b'{"a":"\xff"}', "the body is not JSON: "),
        (b'{"a":"\\ud800\xff"}', "the body is not JSON: "),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "the body is not JSON: "),
        (b'{"s":"\\ud800","a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "the body is not JSON that can be read"),
        ('{"a":1}'.encode("utf-16"), "the body is not JSON: "),
    ],
)
def test_what_is_no_json_object_is_refused_with_a_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"^the body is") as refused:
        parse(body)
    assert str(refused.value).startswith(sentence)


def test_lone_surrogates_and_huge_numbers_are_read_and_edited() -> None:
    body = b'{"model":"a","s":"\\ud83d","n":1e400}'
    data = parse(body)
    assert data["s"] == "\ud83d"
    assert math.isinf(data["n"])
    assert edit(body, data, {"model": "b"}) == b'{"model":"b","s":"\\ud83d","n":1e400}'


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_an_object_or_a_value_error(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse(body), dict)
