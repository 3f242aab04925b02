"""Questions about a switch yard in anybody's words, and what only looks like one."""

import pytest

from bench.yard_phrasings import samples
from router.request.described_yard import asks_about_a_yard
from router.request.wording import Wording
from tests.request.bodies import chat, signals

YARD = """Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F. What if the last wagon of 3 goes to track 2?
Siding 1 has wagons C and B, siding 2 is free, A is on siding 3 and siding 4 is free. May I shunt A onto siding 1?
T1=AB T2=C T3=- T4=DE, goal T1=A T2=C T3=B T4=DE, moves?
there are 4 roads. road one: b, c. road two: a. the others are empty. i push a onto road 1. what is where now
Gleis 1: A B. Gleis 2: leer. Gleis 3: C. Gleis 4: leer. Wie steht der Hof nach einem Zug von Gleis 1 nach Gleis 2?
On the first line stands coach D, on the second B and then F; none on the third, none on the fourth. May F go to 3?
tracks: [["A"], [], ["B", "C"], []]. Which wagon leaves track 3 first?
Please plan the shunting: now track 2 holds F E and the rest is empty; it should be E on track 1 and F on track 4."""

OTHER = """On track 3 of the album B plays the drums. What is track 4 called?
My train leaves from track 3 at 5 pm. Car A is first class, coach B second. Where is the dining car?
In line 1 of the poem the rhyme is A, in line 2 it is B, line 3 A and line 4 B. What is this form called?
Set list: track 1 in A minor, track 2 in C, track 3 in D, track 4 in E minor. Is there a better order?
Highway lanes: lane 1 is free, lane 2 has a truck. Who has the right of way?
The bus lines are A, B and C. Line A goes to the airport every 10 minutes. Which line is the fastest to the zoo?
Choosing a car: 1. Audi A 2. Mercedes C 3. a used BMW. Which should I take for city roads?
My model railway layout has 3 sidings and a turnout. Which scale suits a small room?
Explain hump yards: what is a hump, and why do the wagons roll?
Car A drives 60 km/h, car B 80 km/h on the same road. When does B catch up with A?
Delivery trucks 1, 2 and 3 leave at nine. Truck 1 goes to A, truck 2 to B. When does truck 3 return?
On line 2 of form B, what do I fill in if box 3 is empty?
Our train has 8 cars. My seat is in car 3, my wife's in car 5. Can we swap so that we sit together in car 4?
Build me a playlist: first track calm, second track fast, third track nothing but drums.
Ranking: 1. B 2. A 3. D. Who is in the second row?
The road has four lanes, two are closed. How long is the jam?
My network: VLAN 1 on switch A, VLAN 2 on switch B, port 3 is free. How do I connect a printer?
How many wagons can a locomotive pull?
The train set has 4 tracks, 6 wagons and one switch. What does it cost?
Is it possible to drive from Zone A to Zone D with one ticket in line 2?"""


@pytest.mark.parametrize("text", YARD.splitlines())
def test_a_question_about_the_yard_is_a_world_task(text: str) -> None:
    assert signals(chat(("user", text))).task == "world"


@pytest.mark.parametrize("text", OTHER.splitlines())
def test_trains_roads_and_albums_are_no_yard(text: str) -> None:
    assert not asks_about_a_yard(Wording(text))
    assert signals(chat(("user", text))).task != "world"


def test_it_is_recognized_in_the_words_of_many_people() -> None:
    texts = [sample.text for sample in samples(1000, seed=1)]
    missed = [text for text in texts if signals(chat(("user", text))).task != "world"]
    assert len(missed) <= 30, "\n---\n".join(missed[:10])


def test_a_described_yard_of_which_nothing_is_asked_is_left_to_others() -> None:
    assert not asks_about_a_yard(Wording("Track 1 is empty, B stands on track 2, C on track 3, and I like it."))
