"""Turns of phrase become the plain words that the reader knows, and nothing else is touched."""

from __future__ import annotations

import pytest

from router.world.yard.idioms import in_plain_words, without_spans
from router.world.yard.reading import read

STATE = "Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F."


@pytest.mark.parametrize(
    "told",
    [
        "(A D) () (B C) (E F), that's tracks 1 to 4.",
        "1: AD | 2: - | 3: BC | 4: EF.",
        "Track 1, 2 of 4 places taken: A, D\nTrack 2, 0 of 4 places taken\nTrack 3, 2 of 4 places taken: B, C\n"
        "Track 4, 2 of 4 places taken: E, F",
        "Only tracks 1, 3 and 4 are in use. Track 1 carries A, D. Track 3 carries B, C. Track 4 carries E, F.",
        "On track 1, D is free to pull out, with A behind it. Track 2 is clear. On track 3, C is free to leave, with B "
        "behind it. On track 4, F is next to go, with E behind it.",
        "On track 1 the first to leave would be D, then A. On track 2 there are no wagons. On track 3 the first to "
        "leave is C, then B. On track 4 the first to leave would be F, then E.",
        "(tracks 1-4, | is the buffer stop and the switch is at the right end)\n1 |--A-D--\n2 |-----\n3 |--B-C--\n"
        "4 |--E-F--",
    ],
)
def test_a_state_in_such_words_is_the_state_in_plain_ones(told):
    reading = read(f"{told}\nI move C to track 2. Where is everything?")
    assert (str(reading.yard), reading.question, len(reading.moves)) == (STATE, "after", 1)


@pytest.mark.parametrize(
    ("told", "moves"),
    [
        ("Moves: C (from 3 to 2); F (from 4 to 2)", ["wagon C to track 2", "wagon F to track 2"]),
        ("Take C off track 3 and stick it on 2.", ["wagon C to track 2"]),
        ("Pop one off track 3 and push it onto track 2.", ["track 3 to track 2"]),
    ],
)
def test_moves_in_such_words_are_moves(told, moves):
    assert list(map(str, read(f"{STATE} {told}").moves)) == moves


def test_of_two_states_that_are_both_wanted_the_later_one_is_the_goal():
    told = f"My class has to rearrange this yard: {STATE} When they are finished, it must be: "
    reading = read(told + "Track 1: D A. Track 2: empty. Track 3: B C. Track 4: E F. Which moves?")
    assert (reading.question, str(reading.yard)) == ("plan", STATE)


@pytest.mark.parametrize("text", [STATE, "Tracks 1 to 4 are empty", "Tracks 1 to 4: A, B, C, D", "move A from 1 to 4"])
def test_what_is_plain_stays(text):
    assert without_spans(in_plain_words(text)) == text
