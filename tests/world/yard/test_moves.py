import pytest

from router.world.yard.moves import Named
from router.world.yard.reading import read
from router.world.yard.state import Move, Yard

STATE = "Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E. "


@pytest.mark.parametrize(
    ("words", "moves"),
    [
        ("Move from track 4 to track 3.", ["track 4 to track 3"]),
        ("4 -> 3", ["track 4 to track 3"]),
        ("T4 → T3", ["track 4 to track 3"]),
        ("moves: [[4, 3], [2, 1]]", ["track 4 to track 3", "track 2 to track 1"]),
        ('moves: [{"from": 4, "to": 3}]', ["track 4 to track 3"]),
        ("move 4-3", ["track 4 to track 3"]),
        ("4 to 3, then 2 to 1", ["track 4 to track 3", "track 2 to track 1"]),
        ("Push the last wagon of track 4 onto the third track.", ["track 4 to track 3"]),
        ("Track 4's last wagon goes to track 3.", ["track 4 to track 3"]),
        ("Take one wagon from track 4 and put it on track 3.", ["track 4 to track 3"]),
        ("What happens when E is shunted over to siding 3?", ["wagon E to track 3"]),
        ("Send E to 3 and B to 3", ["wagon E to track 3", "wagon B to track 3"]),
        ("Bring E, B and C to track 3", ["wagon E to track 3", "wagon B to track 3", "wagon C to track 3"]),
        ("Take E from track 4. Put it on track 3.", ["wagon E to track 3"]),
        ("Move E to 3, then it to 2", ["wagon E to track 3", "track 3 to track 2"]),
        ("Move from 4 to 3 and back", ["track 4 to track 3", "track 3 to track 4"]),
        ("Move two wagons from 4 to 3", ["track 4 to track 3", "track 4 to track 3"]),
        ("From 4 via 3 to 2", ["track 4 to track 3", "track 3 to track 2"]),
        ("1. E to 3\n2. B to 3", ["wagon E to track 3", "wagon B to track 3"]),
        ("Bewege E von Gleis 4 nach Gleis 3.", ["wagon E to track 3"]),
        ("What if E leaves track 4 for track 3?", ["wagon E to track 3"]),
    ],
)
def test_moves_are_read_in_many_forms(words, moves):
    reading = read(STATE + words)
    assert reading.fault is None
    assert reading.yard == Yard(("AB", "C", "", "DE"))
    assert [str(move) for move in reading.moves] == moves


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("Move F to 2.", "There is no wagon F in this yard, which has A, B, C, D, E."),
        ("Move G to 2.", "There is no wagon G here"),
        ("Move E to 5.", "There is no track 5 here: the tracks are 1 to 4."),
        ("1 to 1", "A wagon cannot go from track 1 to track 1"),
        ("Move E.", "I cannot read to which track wagon E is to go."),
        ("Move it.", "I cannot tell from where to where"),
        ("Swap B and C.", "A move takes one wagon from one track to another."),
        ("Move all wagons from 1 to 3.", "I read one wagon a move"),
        ("Move the first wagon of track 1 to track 3.", "Only the last wagon of a track"),
        ("Move E to track 2 or 3.", "I cannot tell which move is meant"),
        ("Move E from tracks 4 and 1 to 3.", "I cannot tell whether a wagon goes from track 4 or 1"),
        ("1 to 2, 2 to 1, " * 40, "I follow at most 64 moves at once, not 80."),
    ],
)
def test_a_move_that_is_not_certain_is_asked_back_and_not_guessed(words, fault):
    assert (read(STATE + words).fault or "").startswith(fault)


def test_a_wagon_named_is_looked_for_when_its_turn_comes():
    yard = Yard(("AB", "C", "", "CD"[1:]))
    assert Named("B", 2).resolved(yard) == Move(0, 2)
    assert Named("A", 2).resolved(yard) == "wagon A cannot leave track 1, as wagon B stands nearer the switch"
    assert Named("B", 0).resolved(yard) == "wagon B is on track 1 already"
    assert Named("B", 2, 1).resolved(yard) == "wagon B stands on track 1, not on track 2"
    assert Named("F", 2).resolved(yard) == "there is no wagon F in this yard"
