"""The reader against words and notations that people use for a yard, each imagined in several ways."""

import time

import pytest

from router.world.yard.notation import written_out
from router.world.yard.reading import LONGEST, read
from router.world.yard.state import Move, Yard

YARD = Yard(("AB", "", "C", "DEF"))

STATES = [
    "tracks 1-4: AB | - | C | DEF",
    "AB | - | C | DEF (tracks 1 to 4)",
    "Tracks 1 to 4: AB / empty / C / DEF",
    "AB; -; C; DEF (sidings 1 to 4, buffer stop on the left)",
    "BA / - / C / FED (tracks 1 to 4, the switch is on the left)",
    "BA | - | C | FED (tracks 1-4, switch end first)",
    "My yard is A,B | none | C | D,E,F",
    'tracks = [["A", "B"], [], ["C"], ["D", "E", "F"]]',
    "yard: [[A, B], [], [C], [D, E, F]]  # tracks 1 to 4, buffer stop first",
    "yard = [['B', 'A'], [], ['C'], ['F', 'E', 'D']]  # switch first",
    "roads = [('A', 'B'), (), ('C',), ('D', 'E', 'F')]",
    'state = ["AB", "", "C", "DEF"]',
    '{"track1": "AB", "track2": "", "track3": "C", "track4": "DEF"}',
    "track;wagons\n1;AB\n2;\n3;C\n4;DEF",
    "track,wagons\n1,A B\n2,-\n3,C\n4,D E F",
    "line, cars (switch first)\n1, BA\n2, -\n3, C\n4, FED",
    "track	wagons\n1	AB\n2	-\n3	C\n4	DEF",
    "| track | wagons |\n|---|---|\n| 1 | A, B |\n| 2 | - |\n| 3 | C |\n| 4 | D, E, F |",
    "| track | 1 | 2 | 3 | 4 |\n|---|---|---|---|---|\n| wagons | AB | - | C | DEF |",
    "| place | track 1 | track 2 | track 3 | track 4 |\n|---|---|---|---|---|\n| 1 | A | - | C | D |\n| 2 | "
    "B | - | - | E |\n| 3 | - | - | - | F |",
    "| siding | switch side | | buffer side |\n|---|---|---|---|\n| 1 | B | A | |\n| 2 | | | |\n| 3 | C | | "
    "|\n| 4 | F | E | D |",
    "| track | place 1 | place 2 | place 3 | place 4 |\n|--|--|--|--|--|\n| 1 | A | B | - | - |\n| 2 | - | "
    "- | - | - |\n| 3 | C | - | - | - |\n| 4 | D | E | F | - |\nPlace 1 is at the buffer stop.",
    "Written as wagon@track.place, place 1 at the buffer stop: A@1.1, B@1.2, C@3.1, D@4.1, E@4.2, F@4.3.",
    "wagon@track.place with place 1 next to the switch: F@4.1, E@4.2, D@4.3, B@1.1, A@1.2, C@3.1. All "
    "other places are free.",
    "Each track is a stack with its top at the switch, bottom to top: T1 = [A, B], T2 = [], T3 = [C], T4 = [D, E, F].",
    "The tracks are stacks whose tops are at the switch, written top to bottom: R1 = [B, A], R2 = [], R3 "
    "= [C], R4 = [F, E, D].",
    "1 ]--A--B--\n2 ]--\n3 ]--C--\n4 ]--D--E--F--\nThe ] is the buffer stop.",
    "The switch is on the left.\n1 --B--A--[\n2 --[\n3 --C--[\n4 --F--E--D--[",
    "Track 1: buffer > A > B > switch\nTrack 2: buffer > switch\nTrack 3: buffer > C > switch\nTrack 4: "
    "buffer > D > E > F > switch",
    "Track 1: switch - B - A - buffer stop\nTrack 2: switch - buffer stop\nTrack 3: switch - C - buffer "
    "stop\nTrack 4: switch - F - E - D - buffer stop",
    "Wagon nearest the switch first:\nTrack 1: B A\nTrack 2: none\nTrack 3: C\nTrack 4: F E D",
    "Listed from the points to the buffers: track 1: B, A; track 2: nothing; track 3: C; track 4: F, E, D.",
    "All lists begin at the switch. Track 1: B, A. Track 2 is empty. Track 3: C. Track 4: F, E, D.",
    "Going into track 1 from the switch you meet B, then A. Track 2 is empty. Going into track 3 you "
    "find C. Going into track 4 from the switch you pass F, E and D.",
    "A & B (track 1); no wagon (track 2); C (track 3); D, E & F (track 4)",
    "A and B (on track 1), nothing (on track 2), C (on track 3), D, E and F (on track 4).",
    "The only tracks in use are track 1 (A then B), track 3 (C) and track 4 (D then E then F).",
    "Of the four tracks, the first holds A and B; the second is free; the third holds C; the fourth "
    "holds D, E and lastly F.",
    "On road 1 there is A first, right at the buffers, and then B. Road 2 is empty. On road 3 there is "
    "only C. On road 4 there is D first, right at the buffers, then E, then F.",
    "Track 1:\n  🚃A 🚃B\nTrack 2:\n  ⬜\nTrack 3:\n  🚃C\nTrack 4:\n  🚃D 🚃E 🚃F",
    "r1 a b, r2 empty, r3 c, r4 d e f",
    "Trucks A and B on spur 1; truck C on spur 3; trucks D, E and F on spur 4; the rest are empty.",
    "Coaches A and B are on line 1, coach C on line 3 and coaches D, E and F on line 4. All other lines are empty.",
    "A is first on track 1 and B is second on track 1. C is first on track 3. D is first, E second and F "
    "third on track 4.",
    "T1: A,B / T2: empty / T3: C / T4: D,E,F",
    "T1 A B; T2 -; T3 C; T4 D E F",
    "track1=A,B track2= track3=C track4=D,E,F",
    "On track 1 A and B, on 2 nothing, on 3 C, on 4 D, E, F",
    "I have four tracks. One: A, B. Two: nothing. Three: C. Four: D, E, F.",
    "first: A B, second: none, third: C, fourth: D E F",
    "1st track: A, B. 2nd track: -. 3rd track: C. 4th track: D, E, F.",
    "Track I: A B. Track II: empty. Track III: C. Track IV: D E F.",
    "A is at the back of track 1 and B in front of it. Track 3 has C. D, E and F are on track 4, F "
    "nearest the switch. Track 2 is empty.",
    "Track 1 contains two wagons: A (deepest) and B. Track 2 contains none. Track 3 contains one: C. "
    "Track 4 contains D (deepest), E and F.",
    "Track 1 [A][B]\nTrack 2 [ ]\nTrack 3 [C]\nTrack 4 [D][E][F]",
    "1: (A)(B)\n2: \n3: (C)\n4: (D)(E)(F)",
    "#1 A B\n#2 (none)\n#3 C\n#4 D E F",
    "- Track 1 -> A -> B\n- Track 2 -> nothing\n- Track 3 -> C\n- Track 4 -> D -> E -> F",
    "From left (buffer) to right (switch): track 1: A B, track 2: empty, track 3: C, track 4: D E F.",
    "Reading from the buffer stop: 1 = AB, 2 = empty, 3 = C, 4 = DEF.",
    "Wagon A stands on track 1, and wagon B stands in front of it. Wagon C is alone on track 3. On track "
    "4 we have D, E and F in this order from the buffer.",
    "B is on top of A on track 1, C is on track 3, and track 4 from bottom to top holds D, E, F.",
    "Track 1: A is at the buffer, B at the switch. Track 2: nothing. Track 3: just C. Track 4: D at the "
    "buffer, E in the middle, F at the switch.",
    "Track one has A behind B. Track two has no cars. Track three has C. Track four has D behind E behind F.",
    "tracks: {1: [A, B], 2: [], 3: [C], 4: [D, E, F]}",
    "tracks:\n  - [A, B]\n  - []\n  - [C]\n  - [D, E, F]",
    '{"tracks": [["A","B"],[],["C"],["D","E","F"]]}',
    '{"track_1": ["A", "B"], "track_2": [], "track_3": ["C"], "track_4": ["D", "E", "F"]}',
    '[{"track": 1, "wagons": ["A","B"]}, {"track": 2, "wagons": []}, {"track": 3, "wagons": ["C"]}, '
    '{"track": 4, "wagons": ["D","E","F"]}]',
    '<yard><track n="1">A B</track><track n="2"></track><track n="3">C</track><track n="4">D E F</track></yard>',
    "A: track 1, position 1; B: track 1, position 2; C: track 3, position 1; D: track 4, position 1; E: "
    "track 4, position 2; F: track 4, position 3",
    "A is on track 1 at position 1, B on track 1 at position 2, C on track 3 at position 1, D on track 4 "
    "at position 1, E on track 4 at position 2, F on track 4 at position 3.",
    "| wagon | track | place |\n|---|---|---|\n| A | 1 | 1 |\n| B | 1 | 2 |\n| C | 3 | 1 |\n| D | 4 | 1 |\n| E "
    "| 4 | 2 |\n| F | 4 | 3 |",
    "In track 1 there are A and B (B is the one that can leave). Track 2 stands empty. In track 3: C. In "
    "track 4: D, E and F (F can leave).",
    "track 1: AB, track 2: none, track 3: C, track 4: DEF (rightmost letter = nearest the switch)",
    "Track 1's wagons are A and B. Track 2 has got nothing. Track 3's only wagon is C. Track 4's wagons "
    "are D, E and F.",
    "Starting at the dead end, track 1 reads A B, track 2 reads nothing, track 3 reads C and track 4 reads D E F.",
    "The first siding is occupied by A and B, the second is vacant, the third is occupied by C and the "
    "fourth by D, E and F.",
    "Line 1 accommodates A and B; line 2, nobody; line 3, C; line 4, D, E and F.",
    "Track 4: F is nearest the points, then E, then D. Track 3: C. Track 2: zilch. Track 1: B nearest "
    "the points, then A.",
    "There are wagons A and B on the first track, none on the second, wagon C on the third and wagons D, "
    "E and F on the fourth.",
    "AB on T1, nothing on T2, C on T3, DEF on T4.",
    "T1 is holding A, B. T2 is vacant. T3 is holding C. T4 is holding D, E, F.",
    "1) A-B\n2) –\n3) C\n4) D-E-F",
    "track 1 | A | B\ntrack 2 |\ntrack 3 | C\ntrack 4 | D | E | F",
    "Track 1 (from the stop block): A, B. Track 2: nothing. Track 3: C. Track 4 (from the stop block): D, E, F.",
    "Track 1 (exit first): B, A. Track 2: nothing. Track 3: C. Track 4 (exit first): F, E, D.",
    "Wagons are listed from the exit inward. Track 1: B, A. Track 2: none. Track 3: C. Track 4: F, E, D.",
    "The right-hand wagon is always the one at the switch. Track 1: A B. Track 2: -. Track 3: C. Track 4: D E F.",
    "The left-hand wagon is always the one at the switch. Track 1: B A. Track 2: -. Track 3: C. Track 4: F E D.",
    "In each list the last wagon is the one closest to the switch. T1: A, B. T2: none. T3: C. T4: D, E, F.",
    "In each list the first wagon is the one closest to the switch. T1: B, A. T2: none. T3: C. T4: F, E, D.",
    "Both A and B are on track 1, with B closer to the switch. Track 2 is empty; C sits on track 3; D, "
    "E, F sit on track 4 with F closest to the switch and D at the buffer.",
    "Currently, A and B occupy track 1. C occupies track 3. D, E, and F occupy track 4. Track 2 is unoccupied.",
    "Two wagons stand on track 1, A and B, one on track 3, C, and three on track 4, D, E and F.",
    "You'll find A, B on 1, C on 3, and D, E, F on 4.",
    "1 AB\n2 -\n3 C\n4 DEF",
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("order", ["Move F to track 2.", "What happens if I move F from track 4 to track 2?"])
def test_a_yard_in_a_notation_is_read_before_and_after_an_order(state, order):
    for text in (f"{state}\n{order}", f"{order}\n\n{state}"):
        reading = read(text)
        assert reading.fault is None, text
        assert reading.yard == YARD, text
        assert [move.target for move in reading.moves] == [1], text
        assert reading.question == "after", text


GOALS = [
    "From this: {0} To this: {1} How?",
    "What I have: {0}\nWhat I need: {1}\nWhich moves?",
    "The yard is now:\n{0}\nIt should become:\n{1}\nWhat is the shortest way?",
    "I want the yard to end up like this: {1}\nAt present it looks like this: {0}\nWhat should I do?",
    "Present position: {0}\nRequired position: {1}\nGive the shunting orders.",
    "Before: {0}\nAfter: {1}\nWhich moves were made in between?",
    "My wagons stand like this: {0}\nBut I would like them like this: {1}\nHow can I do that?",
    "With as few moves as possible, reach this yard: {1}\nYou start from this one: {0}",
    "initial state: {0}\ntarget state: {1}\nFind a shortest list of moves.",
    "They stand like this at present: {0}\nBy tonight they should stand like this instead: {1}\nWhich moves do it?",
    "Get from here:\n{0}\nto here:\n{1}",
    "How many moves does it take to get from this:\n{0}\nto that:\n{1}",
    "NOW\n{0}\nLATER\n{1}\nWhat do I do?",
]
PAIRS = [
    ("tracks 1-4: AB | - | C | -", "tracks 1-4: A | B | C | -"),
    (
        "Track 1: A, B. Track 2: empty. Track 3: C. Track 4: empty.",
        "Track 1: A. Track 2: B. Track 3: C. Track 4: empty.",
    ),
    (
        "A and B on track 1, C on track 3, the rest are empty.",
        "A on track 1, B on track 2, C on track 3, the rest are empty.",
    ),
    ("A & B (track 1); C (track 3)", "A (track 1); B (track 2); C (track 3)"),
    (
        "Listed from the switch, track 1: B, A; track 2: empty; track 3: C; track 4: empty.",
        "Track 1 holds A. Track 2 holds B. Track 3 holds C. Track 4 is free.",
    ),
]


@pytest.mark.parametrize("frame", GOALS)
@pytest.mark.parametrize("start", range(len(PAIRS)))
@pytest.mark.parametrize("goal", range(len(PAIRS)))
def test_a_start_and_a_goal_are_told_apart_in_any_order_and_notation(frame, start, goal):
    reading = read(frame.format(PAIRS[start][0], PAIRS[goal][1]))
    assert reading.fault is None
    assert reading.yard == Yard(("AB", "", "C", ""))
    assert reading.goal is not None and reading.goal.yard == Yard(("A", "B", "C", ""))
    assert reading.question == "plan"


ORDERS = [
    "fetch F from track four and leave it on track two",
    "let F roll out of track 4 and onto track 2",
    "add to track 2 one wagon from track 4",
    "take whatever is at the switch end of track 4 and put it on track 2",
    "bring one wagon out of 4 and into 2",
    "pull the last wagon of track 4 out and set it onto track 2",
    "set wagon F down on the second track",
    "send F over to number 2",
    "push one from the fourth track onto the second",
    "tow F from track 4 over to track 2",
    "take the wagon closest to the switch on track 4 and park it on track 2",
    "drop the last wagon of track 4 off on track 2",
]
ASKED = [
    "Is this a legal move or an illegal one: {}?",
    "Answer yes or no: may one {}?",
    "Request permission to {}. Granted or refused?",
    "I am about to {}. Does anything forbid that?",
    "Is it possible to {}, or do the rules stand in the way?",
    "Would it be against the rules to {}?",
    "Am I allowed to {} or not?",
    "I would like to {} - any objections?",
    "Tell me whether it is permitted to {}.",
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "frame", [*ASKED, "{}.", "I {}. How is the yard now?", "My plan is as follows: {}. What then?"]
)
def test_an_order_is_read_in_many_words_and_in_any_frame(frame, order):
    text = "Track 1: A, B. Track 2: empty. Track 3: C. Track 4: D, E, F. " + frame.format(order)
    reading = read(text)
    assert reading.fault is None
    assert reading.yard == YARD
    assert len(reading.moves) == 1
    move = reading.moves[0]
    assert (move if isinstance(move, Move) else move.resolved(YARD)) == Move(3, 1)
    assert reading.question == ("safe" if frame in ASKED else "after")


@pytest.mark.parametrize(
    "text",
    [
        "Track 1 holds A/B/C/D. Track 2: E. Move E to track 3.",
        "The first track: [A, B, C, D]. The second track: [E]. Move E to track 3.",
        "T1 = [A, B, C, D], T2 = [E]. Move E to track 3.",
    ],
)
def test_four_wagons_of_one_track_are_not_taken_for_four_tracks(text):
    assert read(text).yard == Yard(("ABCD", "E", "", ""))


@pytest.mark.parametrize(
    "text",
    [
        "Track 1: A. I cannot see the other tracks. Move A to track 2.",
        "Track 1: A. The rest is unknown. Move A to track 2.",
        "tracks 1-4: AB | - | G | C\nMove B to track 2.",
        "tracks 1-4: ABCDE | - | F | -\nMove E to track 2.",
        "A@1.1, B@7.1. Move A to track 2.",
        "| track | wagons |\n|---|---|\n| 0 | A |\n| 1 | B |\n| 2 | - |\n| 3 | - |\nMove B to 2.",
    ],
)
def test_a_notation_that_is_no_yard_gets_a_sentence(text):
    assert read(text).fault is not None


@pytest.mark.parametrize(
    "piece", ["| 1 ", "[[", "A@1.", "A | ", "1;A\n", "1 ]-", "(track 1)", "[A,", "| | |\n", "tracks 1-4: ", "x@y."]
)
def test_writing_out_takes_time_that_grows_with_the_text_and_no_faster(piece):
    text = (piece * LONGEST)[:LONGEST]
    begun = time.perf_counter()
    written_out(text)
    assert time.perf_counter() - begun < 1.0
