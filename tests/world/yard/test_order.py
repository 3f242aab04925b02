import pytest

from router.world.yard.order import Unclear, side_first, standing, tells_order
from router.world.yard.words import clause_of, tokens_of, with_wagons


def read(clause: str) -> str:
    return standing(clause_of(clause).split())


@pytest.mark.parametrize(
    ("clause", "wagons"),
    [
        ("A C F", "ACF"),
        ("A, then C, and finally F", "ACF"),
        ("from the switch: F, C, A", "ACF"),
        ("F C A, read from the points", "ACF"),
        ("A C F (buffer stop first)", "ACF"),
        ("F, C, A (switch first)", "ACF"),
        ("F is nearest the switch, behind it C, then A", "ACF"),
        ("the last is F, before it C, before that A", "ACF"),
        ("A behind C behind F", "ACF"),
        ("F in front of C in front of A", "ACF"),
        ("C behind F, A behind C", "ACF"),
        ("F blocks C, C blocks A", "ACF"),
        ("A is at the buffers and F at the switch, C in between", "ACF"),
        ("F closest to the turnout; C behind it; A against the bumper", "ACF"),
        ("A is farthest from the switch, then C, then F", "ACF"),
        ("F C A with F farthest from the buffers", "ACF"),
        ("F can leave first, then C, then A", "ACF"),
        ("second C, first A, third F", "ACF"),
        ("A, C and F, with F nearest the switch", "ACF"),
        ("A C F with the switch on the right", "ACF"),
        ("from left to right: A, C and F", "ACF"),
        ("holds A. F is behind it", "FA"),
        ("A at the bottom, F on top", "AF"),
        ("nothing but B", "B"),
        ("is not occupied", ""),
        ("no wagons at all", ""),
    ],
)
def test_words_of_order_are_followed(clause, wagons):
    assert read(clause) == wagons


@pytest.mark.parametrize(
    "clause",
    [
        "F before C",
        "from right to left A C",
        "A C F with F at the end",
        "A or B",
        "not A",
        "maybe A",
        "is full",
        "A, A",
        "G",
        "A B C D E",
        "F at the switch, C at the switch",
        "A at the back, F at the front, B and C between",
    ],
)
def test_what_can_be_read_in_two_ways_or_in_none_is_asked_back(clause):
    with pytest.raises(Unclear):
        read(clause)


def test_a_list_tells_no_order_and_words_of_order_do():
    assert not tells_order(clause_of("holds A, C and F").split())
    assert not tells_order(clause_of("F at the switch").split())
    assert tells_order(clause_of("C, F at the switch").split())


def test_a_sentence_about_all_tracks_says_where_lists_begin():
    def first(text: str) -> str | None:
        return side_first(with_wagons(tokens_of(text)))

    assert first("Tracks are listed from the switch to the buffer stop") == "switch"
    assert first("the last wagon named is nearest the switch") == "buffer"
    assert first("every track has a buffer stop and ends at a switch") is None
