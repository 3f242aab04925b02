"""`${NAME}` in rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.environment import fill


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("${HOST}", "box"),
        ("http://${HOST}:${PORT:-80}/v1", "http://box:80/v1"),
        ("${EMPTY:-default}", "default"),
        ("${HOST:-default}", "box"),
        ("${NONE:-}", ""),
        ("$$HOME and $${HOST}", "$HOME and ${HOST}"),
        ("price in $, ^end$, $HOST", "price in $, ^end$, $HOST"),
        ("${URL:-http://x:1/a-b}", "http://x:1/a-b"),
    ],
)
def test_references_are_replaced_and_lone_dollars_are_left_alone(text, becomes):
    filled = fill({"a": [text]}, {"HOST": "box", "EMPTY": ""})
    assert filled.data == {"a": [becomes]}
    assert not filled.missing


def test_a_missing_or_empty_variable_is_listed_with_its_place():
    filled = fill({"a": {"b": ["${NONE}", "${EMPTY}"]}}, {"EMPTY": ""})
    assert filled.missing == [(("a", "b", 0), "NONE"), (("a", "b", 1), "EMPTY")]


@pytest.mark.parametrize("text", ["${", "${a b}", "${}", "${1A}", "${A-default}", "${A"])
def test_a_malformed_reference_is_listed(text):
    assert fill([text], {"A": "1"}).malformed == [(0,)]


def test_the_value_of_a_variable_is_not_looked_into_again():
    assert fill("${A}", {"A": "${B} $$"}).data == "${B} $$"


def test_what_came_from_the_environment_is_marked_secret():
    filled = fill({"a": "${A}", "b": "x", "c": "$$", "d": "${B:-default}"}, {"A": "1"})
    assert filled.secret == {("a",)}
    assert filled.values == {"1"}


def test_numbers_booleans_and_keys_are_left_alone():
    assert fill({"${A}": [1, True, None]}, {}).data == {"${A}": [1, True, None]}


@given(st.text())
def test_any_text_survives_when_its_dollars_are_doubled(text):
    assert fill(text.replace("$", "$$"), {}).data == text
