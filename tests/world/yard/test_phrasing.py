import random
from itertools import permutations

import pytest

from router.world.yard import phrasing
from router.world.yard.order import standing
from router.world.yard.phrasing import CLAUSE_TOKENS, WORDS, canonical, clause_of, phrase

CONTENTS = ["".join(wagons) for count in range(5) for wagons in permutations("ABCDEF", count)]


def test_every_content_of_a_track_is_read_back_from_its_phrasings():
    rng = random.Random(5)
    assert len(CONTENTS) == 517
    for wagons in CONTENTS:
        for _ in range(12):
            said = phrase(wagons, rng)
            assert standing(clause_of(said).split()) == wagons, said


def test_a_phrasing_is_short_and_has_no_word_outside_the_vocabulary():
    rng = random.Random(6)
    for _ in range(4_000):
        tokens = clause_of(phrase(rng.choice(CONTENTS), rng)).split()
        assert len(tokens) <= CLAUSE_TOKENS
        assert set(tokens) <= set(WORDS)


def test_every_word_of_the_vocabulary_is_said_sooner_or_later():
    rng = random.Random(7)
    wagons = [rng.choice(CONTENTS) for _ in range(20_000)] + [""] * 1_000
    said = {token for each in wagons for token in clause_of(phrase(each, rng)).split()}
    assert set(WORDS) - said == set()


def test_there_are_many_frames_and_hardly_two_phrasings_are_alike():
    frames = (phrasing.EMPTY, phrasing.PLAIN, phrasing.LONE, phrasing.FROM_BUFFER, phrasing.FROM_SWITCH)
    assert sum(map(len, map(set, (*frames, phrasing.ORDERED)))) >= 40
    rng = random.Random(8)
    assert len({clause_of(phrase("ACF", rng)) for _ in range(1_000)}) > 700


@pytest.mark.parametrize(
    ("sentence", "clause"),
    [
        ("Track 1 holds A, C and F.", "holds A , C and F"),
        ("A and B are on track 2", "A and B are on track"),
        ("T3: acf", "A C F"),
        ("The first track: a, b", "A , B"),
        ("- **Track 3**: `A`, “B”", "A , B"),
        ("track_4: []", "empty"),
        ("Track 2:", "empty"),
        ("On siding no. 2 there is a wagon, A.", "there is a wagon , A"),
        ("A wagon B", "a wagon B"),
        ("wagon A wagon B", "wagon A wagon B"),
        ("holds DEAF", "holds D E A F"),
    ],
)
def test_the_name_of_the_track_is_no_part_of_its_clause(sentence, clause):
    assert clause_of(sentence) == clause


def test_the_plain_clause_is_the_one_that_the_yard_itself_speaks():
    assert (canonical("ACF"), canonical("")) == ("A C F", "empty")
