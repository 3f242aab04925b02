"""YAML as rules want it: plain scalars, places, bounds, and words for every fault."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.document import DEPTH_LIMIT, SIZE_LIMIT, read_document, scalar
from router.config.problems import RulesError


def data(text):
    return read_document(text.encode()).data


def fault(text):
    with pytest.raises(RulesError) as caught:
        read_document(text.encode() if isinstance(text, str) else text, "rules.yaml")
    return caught.value.problems[0]


@pytest.mark.parametrize(
    "text", ["22:00", "1k", "1k..32k", "no", "yes", "on", "off", "NO", "2026-11-21", "1_000", "=", ".inf"]
)
def test_what_yaml_1_1_would_turn_into_something_else_stays_text(text):
    assert data(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-2.5", -2.5),
        ("1e3", 1000.0),
        ("0x1f", 31),
        ('"7"', "7"),
        ("'true'", "true"),
        ("!!str 7", "7"),
    ],
)
def test_booleans_numbers_and_nulls_are_those_of_yaml_1_2(text, value):
    assert data(f"a: {text}") == {"a": value}


def test_a_number_without_a_json_form_stays_text():
    assert data("a: [1e999, " + "9" * 400 + "]") == {"a": ["1e999", "9" * 400]}


def test_keys_are_texts_whatever_they_look_like():
    assert data("1: a\ntrue: b\nnull: c") == {"1": "a", "true": "b", "null": "c"}


def test_each_key_and_each_list_item_has_its_line_and_column():
    document = read_document(b"a:\n  - b: 1\n    c: {d: 2}\n  - x\n")
    assert document.mark(("a", 0, "c", "d")) == (3, 9)
    assert document.mark(("a", 1)) == (4, 5)


def test_a_place_that_is_not_in_the_file_is_shown_where_it_would_be():
    assert read_document(b"a:\n  b: 1\n").mark(("a", "missing", 3)) == (1, 1)
    assert read_document(b"\na:\n  b: 1\n").mark(("a", "missing")) == (2, 1)


def test_merge_keys_take_over_what_is_not_said_and_keep_its_place():
    document = read_document(b"base: &b {x: 1, y: 2}\nmore: &m {y: 5, z: 6}\nuse:\n  <<: [*b, *m]\n  x: 9\n")
    assert document.data["use"] == {"x": 9, "y": 2, "z": 6}
    assert document.mark(("use", "y")) == (1, 17)


def test_a_key_that_stands_twice_is_an_error_with_both_lines():
    problem = fault("a: 1\nb: 2\na: 3\n")
    assert (problem.line, problem.column) == (3, 1)
    assert "line 1" in problem.message


def test_several_faults_that_leave_the_structure_alone_are_told_at_once():
    with pytest.raises(RulesError) as caught:
        read_document(b"a: 1\na: 2\nb: !tag x\n")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("a:\n\tb: 1", "tab", 2),
        ("a: [1, 2\nb: 3", "not closed", 2),
        ("a: b: c", "second colon", 1),
        ("key: @x", "quotes", 1),
        ("a: *nowhere", "refers to nothing", 1),
        ("a: &a [*a]", "refers to nothing", 1),
        ("a: 1\n---\nb: 2", "second document", 2),
        ("? [a]\n: 1", "a key is a plain word", 1),
        ("a: 1\n b: 2", "colon", 2),
        ("a: \x01", "control character", 1),
        ("<<: 3", "takes over a mapping", 1),
    ],
)
def test_a_fault_of_yaml_is_told_in_plain_words_with_its_line(text, words, line):
    problem = fault(text)
    assert words in f"{problem.message} {problem.hint}"
    assert problem.line == line


def test_a_file_that_is_not_utf_8_is_refused_with_the_line():
    assert fault(b"a: 1\nb: \xff\n").line == 2


def test_a_byte_order_mark_is_no_fault():
    assert read_document(b"\xef\xbb\xbfa: 1").data == {"a": 1}


def test_a_file_over_the_limit_is_refused_unread():
    assert "larger than" in fault(b"#" * (SIZE_LIMIT + 1)).message


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 5000, "{a: " * 5000])
def test_nesting_is_bounded(text):
    assert "deeper" in fault(text).message


def test_an_alias_bomb_is_refused():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert "aliases" in fault(bomb).message


def test_a_bomb_of_merge_keys_is_refused_as_well_and_soon():
    levels = range(1, 20)
    bomb = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in levels)
    began = time.process_time()
    assert "aliases" in fault(bomb).message
    assert time.process_time() - began < 2


def test_a_chain_of_merge_keys_is_bounded_too():
    chain = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 5000))
    assert "aliases" in fault(chain).message


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['touch {file}']",
        "a: !!python/object/new:subprocess.Popen [[touch, {file}]]",
        "!!python/object/apply:os.system ['touch {file}']",
        "a: !!python/name:os.system",
        "a: !!python/module:os",
        "? !!python/object/apply:os.system ['touch {file}']\n: 1",
        "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system ['touch {file}']",
        "a: !!set {{x}}",
        "a: !!binary aGk=",
    ],
)
def test_tags_make_nothing_but_a_fault(text, tmp_path):
    file = tmp_path / "made"
    assert fault(text.format(file=file)).line >= 1
    assert not file.exists()


def test_aliases_cannot_nest_deeper_than_lists_may():
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, DEPTH_LIMIT + 3))
    assert "aliases" in fault(chain).message


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_data_or_a_fault_with_a_line(content):
    problems = ()
    try:
        read_document(content, "f")
    except RulesError as error:
        problems = error.problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`, \n\t0~<?", max_size=60))
def test_yaml_like_text_is_data_or_a_fault_with_a_line(text):
    test_arbitrary_bytes_are_data_or_a_fault_with_a_line.hypothesis.inner_test(text.encode())


@given(st.one_of(st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_survive(number):
    assert scalar(repr(number)) == number
