"""A conditioning in words, and those words kept out of answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.world.condition import FORMS, MOST_HELD, LeakFilter, as_text

CHUNKS = "chunks=[0.565,-0.061,0.304,0.331,0.944,0.651,-0.062,-0.005]"
STATS = "mean=0.3334,std=0.5277,l2=2.4969,head=[0.559,0.572,0.006,-0.128,-0.066,0.674,-0.012,0.675]"
BOTH = f"{CHUNKS} {STATS}"


def shown(answer: str, condition: str = BOTH) -> str:
    leaks = LeakFilter(condition)
    return leaks.feed(answer) + leaks.close()


class TestForms:
    def test_chunks_are_means_of_eight_slices_and_the_last_takes_the_rest(self) -> None:
        vector = [*range(16), 100]
        assert as_text(vector, "chunks") == "chunks=[0.500,2.500,4.500,6.500,8.500,10.500,12.500,43.000]"

    def test_stats_are_of_the_whole_population_with_the_first_eight_numbers(self) -> None:
        vector = np.array([3, -4, 0, 0, 0, 0, 0, 0, 0, 0], np.float32)
        head = "3.000,-4.000,0.000,0.000,0.000,0.000,0.000,0.000"
        assert as_text(vector, "stats") == f"mean=-0.1000,std=1.5780,l2=5.0000,head=[{head}]"

    def test_both_has_a_space_between(self) -> None:
        vector = np.linspace(-1, 1, 16)
        assert as_text(vector, "both") == f"{as_text(vector, 'chunks')} {as_text(vector, 'stats')}"

    def test_an_ablated_condition_is_all_zeros(self) -> None:
        zeros = ",".join(["0.000"] * 8)
        assert as_text(np.zeros(256, np.float32), "both") == (
            f"chunks=[{zeros}] mean=0.0000,std=0.0000,l2=0.0000,head=[{zeros}]"
        )

    def test_a_small_negative_number_keeps_its_sign(self) -> None:
        assert as_text([-0.0004] * 8, "chunks") == f"chunks=[{','.join(['-0.000'] * 8)}]"

    def test_a_bridge_narrower_than_eight_has_its_numbers_in_the_last_slice(self) -> None:
        assert as_text([1, 3], "chunks") == f"chunks=[{'0.000,' * 7}2.000]"
        assert as_text([1, 3], "stats") == "mean=2.0000,std=1.0000,l2=3.1623,head=[1.000,3.000]"

    def test_sums_do_not_lose_digits_to_float32(self) -> None:
        vector = np.full(80_000, 0.1234, np.float32)
        assert as_text(vector, "chunks") == f"chunks=[{','.join(['0.123'] * 8)}]"
        assert as_text(vector, "stats").startswith("mean=0.1234,std=0.0000,l2=34.9028,")

    def test_another_form_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'numbers' is no form of a condition: chunks, stats, both are"):
            as_text([1.0], "numbers")


LEAKS = {
    "the whole condition": (BOTH, ""),
    "at the beginning": (f"{CHUNKS} The train moves.", "The train moves."),
    "a sentence for itself": (f"{STATS}. The train moves.", "The train moves."),
    "in the middle": (f"I see {BOTH}. The train moves.", "I see. The train moves."),
    "before a comma": (f"The state {CHUNKS}, so we go.", "The state, so we go."),
    "a line of its own": (f"First.\n\n{CHUNKS}\n\nSecond.", "First.\n\nSecond."),
    "at the end": (f"The train moves. {STATS}", "The train moves."),
    "capitals and spaces": ("So: Chunks = [0.565, -0.061, 0.304]. Go.", "So:. Go."),
    "as JSON": ('{"mean": 0.3334, "std": 0.5277}', ""),
    "in backquotes": (f"It is `{CHUNKS}` now.", "It is now."),
    "in bold": ("**0.565** is it", "is it"),
    "a list without a label": ("It is [0.565, 0.304] wide.", "It is wide."),
    "a bare run": ("Values 0.565, -0.061, and 0.304.", "Values."),
    "one number": ("The mean is 0.3334 here.", "The mean is here."),
    "without its sign": ("It fell by 0.061 today.", "It fell by today."),
    "with a typographic minus": ("It is −0.061 today.", "It is today."),
    "wrongly copied": ("See chunks=[0.565,-0.601,0.304,9.999] there.", "See there."),
    "abbreviated": ("See chunks=[0.565,-0.061,...] there.", "See there."),
    "cut within the list": ("Go. chunks=[0.565,-0.061,", "Go."),
    "cut within a number": ("Go. chunks=[0.565,-0.0", "Go."),
    "cut before the first number": ("Go. chunks=[", "Go."),
    "cut within the first number": ("Go. chunks=[0.5", "Go."),
    "cut between the two parts": (f"Go. {CHUNKS} mean=", "Go."),
    "with slashes": ("Values 0.565/0.304/0.651 here", "Values here"),
    "in a fence": (f"It is:\n```\n{CHUNKS}\n```\nGo.", "It is:\nGo."),
    "with a label in quotes": ('See {"mean": "0.3334"} there.', "See there."),
    "with a label in double backquotes": ("See ``mean``: 0.3334 there.", "See there."),
    "brackets that hold more": ("See (mean 0.565 of all) there.", "See (mean of all) there."),
    "several": ("a 0.565 b 0.304 c", "a b c"),
}


@pytest.mark.parametrize("case", LEAKS)
def test_the_condition_s_numbers_do_not_reach_the_user(case: str) -> None:
    answer, rest = LEAKS[case]
    assert shown(answer) == rest


STAYING = [
    "Pi is 3.142, and half is 0.5; 0.56 is no number of the condition's, nor is 10.565.",
    "chunks = [data[i : i + n] for i in range(0, len(data), n)]; head=[1, 2]; mean=4.0",
    'The mean: {"mean": 0.25, "std": [0.125, 0.250]} (stats)',
    "Track 1: A D. Track 2: empty. Head for the standard chunks and mean what you say.",
    "v0.565 and x_0.304 are names; -5, +3 and 12:30 are none.",
    "   indented\n\n- a list\n- well-known -- dashes - and **bold** `code` | table |\n",
    "1. one\n2. two (see [3])\n",
    "日本語 é — …",
    "",
]


@pytest.mark.parametrize("answer", STAYING)
def test_what_is_not_the_condition_s_stays_as_it_is(answer: str) -> None:
    assert shown(answer) == answer


def test_only_this_condition_s_numbers_go() -> None:
    assert shown(CHUNKS, "chunks=[1.234,5.678]") == CHUNKS
    assert shown("0.565 or 1.234 metres", "chunks=[1.234,5.678]") == "0.565 or metres"
    assert shown(f"{CHUNKS} 0.000", "") == f"{CHUNKS} 0.000"


NUMBERS = st.sampled_from([CHUNKS, STATS, "0.565", "-0.061", "0.5", "3.14", "0.", "0.56", "-"])
AROUND = st.sampled_from(["chunks", "mean=", "head=[", "]", "[", "(", ")", ", ", '"', "**", "`", ": ", "...", "…"])
WORDS = st.sampled_from([" ", "\n", "and ", "an", "The train ", "x", ".", "a long word "])
ANSWERS = st.lists(NUMBERS | AROUND | WORDS, max_size=12).map("".join)


@settings(deadline=None)  # an answer is filtered as often as it has characters
@given(ANSWERS)
@example(f"I see {BOTH}. The train moves.")
@example("cut: chunks=[0.565,-0.06")
def test_wherever_the_answer_is_cut_the_same_comes_out(answer: str) -> None:
    whole = shown(answer)
    for split in range(len(answer) + 1):
        leaks = LeakFilter(BOTH)
        assert leaks.feed(answer[:split]) + leaks.feed(answer[split:]) + leaks.close() == whole
    leaks = LeakFilter(BOTH)
    assert "".join(map(leaks.feed, answer)) + leaks.close() == whole


@given(st.lists(st.sampled_from([CHUNKS, STATS, "0.565,", "(-0.061)", "[0.304]", "a", "The train", "."]), max_size=8))
def test_no_number_of_the_condition_survives_as_a_word(words: list[str]) -> None:
    rest = shown(" ".join(words))
    assert not any(character.isdigit() for character in rest)
    assert rest.count("The train") == words.count("The train")


@given(st.text(alphabet="abcdehnskut lmean=[]():,.-*`\"'\n12"))
def test_text_without_the_condition_s_numbers_comes_out_as_it_went_in(text: str) -> None:
    answer = text + "!"  # an end that nothing of a leak can have
    assert shown(answer) == answer


@given(ANSWERS)
def test_only_what_may_still_be_a_leak_is_held_back(answer: str) -> None:
    leaks, said = LeakFilter("chunks=[9.111,9.222]"), 0
    for index, character in enumerate(answer, start=1):
        said += len(leaks.feed(character))
        assert index - said <= MOST_HELD + 16


def test_ordinary_words_are_not_waited_for() -> None:
    leaks = LeakFilter(BOTH)
    assert leaks.feed("Track") == "Track"
    assert leaks.feed(" wagon") == " wagon"
    assert leaks.feed(" he") == ""  # it may become `head`
    assert leaks.feed("re.") == " here."


def test_every_form_of_a_random_condition_is_taken_out_whole() -> None:
    draw = np.random.default_rng(0)
    for form in FORMS:
        condition = as_text(draw.normal(size=256), form)
        assert shown(f"Before {condition} after.", condition) == "Before after."
