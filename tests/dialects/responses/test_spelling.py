"""The text of a custom tool's call comes out of its JSON, however it is split and spelled."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dialects.responses.spelling import Spelling

texts = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from('"\\/\n\t\x00u😀é{}:,'))


def pieces(text: str, cuts: list[int]) -> list[str]:
    ends = sorted({cut % (len(text) + 1) for cut in cuts} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def spelled(*given: str) -> str:
    spelling = Spelling()
    return "".join(map(spelling.feed, given)) + spelling.close()


@given(texts, st.booleans(), st.sampled_from([None, 0, 4]), st.lists(st.integers(0, 500), max_size=12))
def test_any_text_comes_out_whatever_the_split(text: str, plain: bool, indent: int | None, cuts: list[int]) -> None:
    document = json.dumps({"input": text}, ensure_ascii=plain, indent=indent)
    assert spelled(*pieces(document, cuts)) == text
    assert spelled(*document) == text


@given(texts, st.booleans())
def test_what_is_certain_comes_out_at_once(text: str, plain: bool) -> None:
    spelling = Spelling()
    document = json.dumps({"input": text}, ensure_ascii=plain)
    assert spelling.feed(document[:-2]) == text, "all but the closing quote and brace"
    assert spelling.feed(document[-2:]) + spelling.close() == ""


@given(texts, st.integers(0, 500))
def test_of_a_call_that_breaks_off_the_beginning_is_told(text: str, cut: int) -> None:
    document = json.dumps({"input": text}, ensure_ascii=False)
    opening = len('{"input": "')
    found = spelled(document[: opening + cut % (len(document) - opening)])
    assert text.startswith(found)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"input": "a\nb"}', "a\nb"),  # a raw line break
        ('{"input": "\\d+"}', "\\d+"),  # an escape that JSON does not have
        ('{"input": "\\ud83d!"}', "\ufffd!"),  # half a pair
        ('{"input": "\\ude00"}', "\ufffd"),
        ('{"input": "\\udc00"}', "\ufffd"),
        ('{"input": "\\ud83d', "\ufffd"),
        ('{"input": "\\ud83d\\u0041"}', "\ufffdA"),
        ('{"input": "\\uZZ"}', "\\uZZ"),
        ('{"patch": "*** Begin"}', "*** Begin"),  # another name, and nothing else that could be meant
        ('{"why": "so", "input": "x"}', "x"),
        ('"x"', "x"),
        ("*** Begin Patch", "*** Begin Patch"),  # no JSON at all
        ('{"a": "x", "b": "y"}', '{"a": "x", "b": "y"}'),
        ("", ""),
        ("{}", ""),
        ('{"why": "\\ud83d", "input": "\\ud83d"}', "\ufffd"),
        (" " * 300 + '{"input": "x"}', "x"),
    ],
)
def test_what_models_get_wrong_is_understood(written: str, meant: str) -> None:
    assert spelled(written) == spelled(*written) == meant


@given(st.text(st.characters(codec="utf-8")), st.lists(st.integers(0, 50), max_size=5))
def test_nothing_that_a_model_writes_is_a_fault(written: str, cuts: list[int]) -> None:
    assert spelled(*pieces(written, cuts)) == spelled(written)
    assert spelled('{"input": "' + written).encode() is not None
