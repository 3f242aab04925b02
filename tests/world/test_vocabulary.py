"""Tofy's vocabulary files, and how a text becomes tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.world import vocabulary
from router.world.files import WorldError
from router.world.vocabulary import PAD, UNKNOWN, Vocabulary
from tests.world import golden

YARD = Vocabulary(["train", "don't", "?", "Train"])


def test_the_special_tokens_come_first_whether_or_not_the_file_lists_them() -> None:
    assert Vocabulary(["a", "b"]).ids("a b") == [3, 4]
    assert Vocabulary(["<pad>", "<unk>", "<mask>", "a", "b"]).ids("a b") == [3, 4]
    assert Vocabulary(["a", "<mask>", "b"]).ids("a b") == [3, 4]


def test_a_known_word_is_not_added_again() -> None:
    assert Vocabulary(["a", "a", "b"]).ids("b") == [4]
    assert len(Vocabulary(["a", "a", "b"])) == 5


def test_letters_digits_and_apostrophes_are_runs_and_all_else_stands_alone() -> None:
    assert YARD.tokens("I'm here (42)!  a_b") == ["I'm", "here", "(", "42", ")", "!", "a", "_", "b"]
    assert YARD.tokens("héllo – 日本") == ["h", "é", "llo", "–", "日", "本"]


def test_white_space_is_what_unicode_calls_so() -> None:
    assert YARD.tokens("a\t\n\u00a0\u2003\u3000\x85b") == ["a", "b"]
    assert YARD.tokens("a\x1cb") == ["a", "\x1c", "b"]


def test_words_keep_their_case_and_unknown_ones_are_unk() -> None:
    assert YARD.ids("train Train TRAIN don't ?") == [3, 6, UNKNOWN, 4, 5]
    assert PAD not in YARD.ids("<pad> is five characters")


@given(st.text())
def test_nothing_but_white_space_is_lost(text: str) -> None:
    kept = "".join(YARD.tokens(text))
    assert kept.replace(" ", "") == "".join(c for c in text if not c.isspace() or c in "\x1c\x1d\x1e\x1f")
    assert len(YARD.ids(text)) == len(YARD.tokens(text))


def test_a_file_is_read_with_either_kind_of_line_end_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "vocab_world.txt"
    file.write_bytes("train\r\n\r\n\nétat\n".encode())
    assert Vocabulary.read(file).tokens("train") == ["train"]
    assert Vocabulary.read(file).ids("train") == [3]
    assert len(Vocabulary.read(file)) == 5


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"train\n\xff\n", "byte 6 is not UTF-8"), (b"", "holds no words"), (b"\n \n", "holds no words")],
)
def test_a_damaged_file_is_told_with_its_fault(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "vocab_world.txt"
    file.write_bytes(content)
    with pytest.raises(WorldError, match=fault) as told:
        Vocabulary.read(file)
    assert str(file) in str(told.value)


def test_a_file_far_too_large_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "decoder.gguf"
    with file.open("wb") as sparse:
        sparse.truncate(vocabulary.MOST_BYTES + 1)
    with pytest.raises(WorldError, match="no vocabulary: it has 67108865 bytes"):
        Vocabulary.read(file)


def test_tokens_and_ids_are_those_of_tofy() -> None:
    words = golden.model().vocabulary
    for case in golden.cases():
        assert words.tokens(case["prompt"]) == case["tokens"]
        read = words.ids(case["prompt"])[: len(case["ids"])]
        assert read + [PAD] * (len(case["ids"]) - len(read)) == case["ids"]
