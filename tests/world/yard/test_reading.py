import random
import time
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.world.yard.phrasing import phrase
from router.world.yard.reading import LONGEST, read, read_conversation
from router.world.yard.state import Move, Yard

STATE = "Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E."
YARD = Yard(("AB", "C", "", "DE"))

TURNS = [
    (
        "Consider a yard where the first track has wagons A and B, the second has C, the third is free and "
        "the fourth has D and E. What will it look like once the last wagon of track four has been pushed "
        "onto track three?",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "There are four tracks. On track 1 stand A and B; C is alone on track 2; nobody is on 3; D and E "
        "occupy track 4. Shunt E over to 3.",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "Yard state:\n\n* track 1 → A, B\n* track 2 → C\n* track 3 → (empty)\n* track 4 → D, E\n\nOperation: 4 → 3",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "yard = {1: 'AB', 2: 'C', 3: '', 4: 'DE'}\nmove(4, 3)",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "Track 1: A-B | Track 2: C | Track 3: - | Track 4: D-E. Would moving E to track 2 be allowed?",
        ["wagon E to track 2"],
        "safe",
    ),
    (
        "A and B stand on track 1 (B nearest the switch), C stands on track 2, and on track 4 there are D "
        "and E. If I take the front wagon off track 4 and set it on track 2, what do I get?",
        ["track 4 to track 2"],
        "after",
    ),
    (
        "Tracks: 1) A B 2) C 3) empty 4) D E. Tell me the state after moving the end wagon of track 1 to track 3.",
        ["track 1 to track 3"],
        "after",
    ),
    (
        "1. A, B\n2. C\n3. (nothing)\n4. D, E\nCan I move C onto track 1?",
        ["wagon C to track 1"],
        "safe",
    ),
    (
        "Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E. Is the move 4→1 safe?",
        ["track 4 to track 1"],
        "safe",
    ),
    (
        "Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E. Am I allowed to shift E from the fourth "
        "to the first track?",
        ["wagon E to track 1"],
        "safe",
    ),
    (
        "Track 1 has B at the switch and A at the buffers. Track 2 has only C. Track 3 is vacant. Track 4: "
        "E by the points, D behind it. Move E to 1?",
        ["wagon E to track 1"],
        "after",
    ),
    (
        "The wagons on track 1 are A and B. The wagon on track 2 is C. There's none on track 3. Those on "
        "track 4 are D and E. Now take B to track 3.",
        ["wagon B to track 3"],
        "after",
    ),
    (
        "My yard has A then B on track one, C on track two, nothing on track three, and D then E on track "
        "four. What would the yard look like if E were moved to track three?",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "i've got ab on track 1, c on track 2 and de on track 4. move e to 2",
        ["wagon E to track 2"],
        "after",
    ),
    (
        "track 1: a b; track 2: c; track 4: d e. is it ok if i put e on track 3?",
        ["wagon E to track 3"],
        "safe",
    ),
    (
        "State: T1=[A,B] T2=[C] T3=[] T4=[D,E]. Action: T4->T3. Next state?",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "Track 1 holds, from the buffer stop, A and B. Track 2: C. Track 4, from the switch: E, D. Push E to track 3.",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "Wagon A is at the buffer stop of track 1 with B in front of it; C is on track 2; D is at the "
        "buffer stop of track 4 with E in front of it. Move B to 3.",
        ["wagon B to track 3"],
        "after",
    ),
    (
        "On track 1, B stands in front of A. Track 2 has C. On track 4, E stands in front of D. Push E to track 3.",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "Gleis 1: A, B. Gleis 2: C. Gleis 3: leer. Gleis 4: D, E. Was passiert, wenn E von Gleis 4 nach Gleis 3 fährt?",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "Auf Gleis 1 stehen A und B, auf Gleis 2 steht C, Gleis 3 ist frei, auf Gleis 4 stehen D und E. "
        "Darf E auf Gleis 2?",
        ["wagon E to track 2"],
        "safe",
    ),
    (
        "```\n1 |A|B| | |\n2 |C| | | |\n3 | | | | |\n4 |D|E| | |\n```\nmove 4 -> 3",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "1 ==[A]==[B]==\\\n2 ==[C]=======+\n3 ============+\n4 ==[D]==[E]==/\n\n4 to 3",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "1 ╞─[A]─[B]─────────╮\n2 ╞─[C]─────────────┼──\n3 ╞─────────────────┤\n4 ╞─[D]─[E]─────────╯\nmove E to 3",
        ["wagon E to track 3"],
        "after",
    ),
    (
        '{"tracks": {"1": ["A", "B"], "2": ["C"], "3": [], "4": ["D", "E"]}, "moves": [{"from": 4, "to": 3}]}',
        ["track 4 to track 3"],
        "after",
    ),
    (
        "Hi there! I'm playing with a little switch yard. Track 1: A, B. Track 2: C. Track 3: nothing. "
        "Track 4: D, E. Thanks! What's next if I send E to 3?",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "Could you tell me what the yard looks like after E moves to track 3? It has A and B on track 1, C "
        "on track 2, and D and E on track 4.",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "With A, B on track 1; C on track 2; D, E on track 4 - does 4 to 1 work?",
        ["track 4 to track 1"],
        "safe",
    ),
    (
        "Track 1 contains 2 wagons (A and B), track 2 contains 1 wagon (C), track 3 contains 0 wagons and "
        "track 4 contains 2 wagons (D and E). Moving B to 2: safe?",
        ["wagon B to track 2"],
        "safe",
    ),
    (
        "All tracks: one: A, B; two: C; three: none; four: D, E. From four to three please.",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "Here's the yard. A, B: track 1. C: track 2. D, E: track 4. What if E -> track 3?",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "Track 1 is occupied by wagons A and B, track 2 by C, and track 4 by D and E. Move E to track 3.",
        ["wagon E to track 3"],
        "after",
    ),
    (
        "Track 1 has A and B, track 2 C, track 3 none, track 4 D and E; what happens after 4 to 3?",
        ["track 4 to track 3"],
        "after",
    ),
    (
        "Cars A, B are parked on 1, C on 2 and D, E on 4. The car E is moved onto 3.",
        ["wagon E to track 3"],
        "after",
    ),
]
"""Turns of a user, each about YARD: the words, the moves in them, and what is asked."""

GOALS = [
    (
        "Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E. I'd like to have track 1: A B C, track 4: "
        "D E. Which moves do I need?",
        ("ABC", "", "", "DE"),
    ),
    (
        "Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E.\nTarget:\nTrack 1: A\nTrack 2: C B\nTrack "
        "3: empty\nTrack 4: D E\nHow?",
        ("A", "CB", "", "DE"),
    ),
    (
        "Now: Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E. Desired: Track 1: A. Track 2: C B. "
        "Track 4: D E. Give me a plan.",
        ("A", "CB", "", "DE"),
    ),
    (
        "How can I turn Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E. into Track 1: A. Track 2: "
        "C B. Track 3: empty. Track 4: D E.?",
        ("A", "CB", "", "DE"),
    ),
    (
        "I need a sequence of moves. Start: track 1 holds A B, track 2 holds C, track 4 holds D E. End: "
        "track 1 holds A, track 2 holds C and B, track 4 holds D and E.",
        ("A", "CB", "", "DE"),
    ),
    (
        "What is the shortest way to bring the yard from [1: A B; 2: C; 3: ; 4: D E] to [1: A; 2: C B; 3: ; 4: D E]?",
        ("A", "CB", "", "DE"),
    ),
]


@pytest.mark.parametrize(("text", "moves", "question"), TURNS)
def test_a_turn_in_many_sorts_of_words_is_read(text, moves, question):
    reading = read(text)
    assert reading.fault is None
    assert reading.yard == YARD
    assert [str(move) for move in reading.moves] == moves
    assert reading.question == question


@pytest.mark.parametrize(("text", "goal"), GOALS)
def test_a_goal_is_told_from_the_state(text, goal):
    reading = read(text)
    assert (reading.fault, reading.yard, reading.question) == (None, YARD, "plan")
    assert reading.goal is not None
    assert reading.goal.yard.tracks == goal


@pytest.mark.parametrize(
    "template",
    [
        "Track 1 {0}. Track 2 {1}. Track 3 {2}. Track 4 {3}.",
        "Track 1: {0}\nTrack 2: {1}\nTrack 3: {2}\nTrack 4: {3}\nWhat does it look like?",
        "- T1: {0}\n- T2: {1}\n- T3: {2}\n- T4: {3}",
        "Siding 4: {3}; siding 2: {1}; siding 1: {0}; siding 3: {2}. Show me.",
    ],
)
def test_training_phrasings_of_all_tracks_together_are_read_with_their_own_words(template):
    rng = random.Random(9)
    for _ in range(250):
        yard = random_yard(rng)
        reading = read(template.format(*(phrase(wagons, rng) for wagons in yard.tracks)))
        assert reading.fault is None
        assert reading.yard == yard


def random_yard(rng: random.Random) -> Yard:
    while True:
        tracks = ["", "", "", ""]
        for wagon in rng.sample("ABCDEF", rng.randint(1, 6)):
            tracks[rng.randrange(4)] += wagon
        if Yard(tuple(tracks)).fault() is None:
            return Yard(tuple(tracks))


def test_every_track_keeps_the_words_that_the_user_had_for_it():
    reading = read("Track 1 holds A, C and F. B is on track 2, track 3 has nothing on it.")
    assert reading.clauses == ("holds A , C and F", "B is on track", "has nothing on it", "empty")


def test_the_yards_own_form_is_read_back_for_every_order_of_the_wagons():
    for order in permutations("ABCDEF"):
        yard = Yard(("".join(order[:2]), "", "".join(order[2:5]), order[5]))
        assert read(str(yard)).yard == yard


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "I see no yard in this."),
        ("hello", "I see no yard in this."),
        ("Move F to 2", "I see no yard in this."),
        ("Track 1: A. Track 2: A.", "Wagon A cannot stand in two places at once."),
        ("Track 1: A A", "Wagon A cannot stand in two places at once."),
        ("Track 1: A G", "There is no wagon G here: the wagons are A, B, C, D, E and F."),
        ("Track 1: A B C D E", "A track holds at most 4 wagons, not 5"),
        ("Track 7: A", "There is no track 7 here: the tracks are 1 to 4."),
        ("Track 1: empty", "No wagon stands in this yard."),
        ("Track 1: A. Track 1: B.", "Track 1 is told twice"),
        ("Track 1: A, B, C on track 2", "I cannot tell which track the wagons before"),
        ("Tracks 1 and 2: A B", "I cannot tell which wagons stand on which of the tracks 1 and 2."),
        ("Track 1: 5 wagons", "I cannot read which wagons stand in"),
        ("F stands somewhere. Track 1: A", "I cannot tell which track"),
        ("Track 1: А", "There is no wagon А here"),  # a Cyrillic letter
        ("Track ١: A", "I cannot tell which track"),  # an Arabic digit
        ("Track 1: A. Goal: Track 1: B.", "The goal has the wagons B, but the yard has A"),
        ("Track 1: A. Goal: Track 2: A. Move 1 to 2.", "I see moves and a goal"),
        ("Track 1: A B. How do I get A to track 3?", "Say of the goal where every wagon is to stand"),
        ("Track 1: A B. Give me the shortest plan.", "I see no goal in this"),
    ],
)
def test_what_cannot_be_read_or_cannot_be_gets_a_sentence_and_nothing_is_invented(text, fault):
    reading = read(text)
    assert (reading.fault or "").startswith(fault)
    assert (reading.start, reading.moves, reading.goal) == (None, (), None)


def test_a_state_that_was_observed_is_told_from_the_one_before():
    reading = read("Track 1: A B. I did 1 -> 2. I now see: Track 1: A. Track 3: B.")
    assert reading.yard == Yard(("AB", "", "", ""))
    assert reading.observed is not None
    assert reading.observed.yard == Yard(("A", "", "B", ""))
    assert read(f"{STATE} Move 4 to 3. Observed: {STATE}").observed is not None


def test_a_turn_without_a_state_goes_on_from_the_one_last_spoken():
    spoken = "After wagon B has gone from track 1 to track 3:\nTrack 1: A. Track 2: C. Track 3: B. Track 4: empty."
    turns = ["Track 1: A B. Track 2: C. Move B to 3.", spoken, "And then move C to 3?"]
    reading = read_conversation(turns)
    assert reading.yard == Yard(("A", "C", "B", ""))
    assert len(reading.moves) == 1
    goal = read_conversation([*turns[:2], "How do I reach track 1: A B, track 2: C?"])
    assert (goal.yard, goal.question) == (Yard(("A", "C", "B", "")), "plan")


def test_a_turn_with_a_state_starts_anew():
    assert read_conversation([STATE, "Track 1: F. Move 1 to 2."]).yard == Yard(("F", "", "", ""))


def test_the_example_in_a_sentence_that_asks_back_is_nobodys_state():
    asked = read("Track 1: A or B").fault
    assert asked is not None
    assert read_conversation(["Track 1: A or B", asked, "move A to 2"]).fault is not None


def test_a_plan_ends_in_the_state_that_is_gone_on_from():
    spoken = "Track 1: A. Track 2: B. Track 3: empty. Track 4: empty."
    told = f"1 move does it:\n1. Wagon B: track 1 to track 2.\nAfterwards:\n{spoken}"
    turns = ["Track 1: A B. Goal: Track 1: A, track 2: B.", told, "now A to 3"]
    assert read_conversation(turns).yard == Yard(("A", "B", "", ""))


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_no_text_at_all_makes_the_reader_fail(text):
    reading = read(text)
    assert (reading.fault is None) == (reading.start is not None)


SAID = """
    track Track tracks T1 1 2 3 4 5 A B C D E F G a b , . : ; ? ! to from on and then move put it the last wagon first
    switch buffer behind before empty nothing goal now observed see is are which moves ( ) [ ] { } | - > = or not all
    every back in of out leaves between end front 0 one two rest else second how safe
"""


@given(st.lists(st.sampled_from([*SAID.split(), "\n"]), max_size=40))
@settings(max_examples=600, deadline=None)
def test_no_order_of_yard_words_makes_it_fail_and_what_it_reads_can_be(words):
    reading = read(" ".join(words))
    if reading.fault is None:
        assert reading.yard is not None
        assert reading.yard.fault() is None
        assert len(reading.clauses) == 4
        assert all(isinstance(move, Move) or move.wagon in reading.yard.wagons for move in reading.moves)


HOSTILE = [
    "A",
    "( ",
    "track ",
    "1: A ",
    "from ",
    "move A to ",
    "[1,2]",
    "A behind ",
    "at the switch ",
    "\n",
    "1 > 2 ",
    "{",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_length_of_the_text_and_no_faster(piece):
    def seconds(length: int) -> float:
        text = "Track 1: B. " + piece * (length // len(piece))
        best = 9.0
        for _ in range(3):
            begun = time.perf_counter()
            read(text)
            best = min(best, time.perf_counter() - begun)
        return best

    assert seconds(LONGEST - 100) < 20 * seconds(LONGEST // 5) + 0.05
    assert seconds(1_000_000) < 0.05


def test_a_long_message_is_refused_with_its_length():
    assert (read("A" * 1_000_000).fault or "").startswith("The message has 1000000 characters")
