import json
from dataclasses import asdict

import pytest

from router.world.yard.answer import Told, answer
from router.world.yard.reading import read, read_conversation
from tests.world.yard.simulated import SimulatedModel, SimulatedVoice

STATE = "Track 1: A B. Track 2: C. Track 3: empty. Track 4: D E."


def answered(text, model=None, voice=None, **options):
    told = Told()
    pieces = answer(model or SimulatedModel(), voice or SimulatedVoice(), read(text), told=told, **options)
    return "".join(pieces), told


def test_what_a_move_leads_to_is_said_by_the_decoder():
    text, told = answered(f"{STATE} What happens when E goes to track 3?")
    assert text == (
        "After wagon E has gone from track 4 to track 3:\nTrack 1: A B. Track 2: C. Track 3: E. Track 4: D."
    )
    assert (told.spoken, told.agrees, told.fault) == (text.partition("\n")[2], True, None)
    assert (told.words, told.prediction_distance) == ("own", 0.0)
    assert [(step.source, step.target, step.wagon, step.allowed) for step in told.steps] == [(4, 3, "E", 1.0)]


def test_the_answer_streams_in_pieces():
    pieces = list(answer(SimulatedModel(), SimulatedVoice(), read(STATE)))
    assert len(pieces) > 10
    assert "".join(pieces) == STATE


def test_a_disallowed_move_is_told_with_its_reason_and_nothing_after_it_is_imagined():
    text, told = answered(f"{STATE} 4 to 3, 3 to 2, 3 to 1, 1 to 2")
    assert text == (
        "In move 3, going from track 3 to track 1 is not allowed, as track 3 is empty.\n"
        "Before it the yard is:\nTrack 1: A B. Track 2: C E. Track 3: empty. Track 4: D."
    )
    assert (len(told.steps), told.disallowed, told.disallowed_move) == (2, "empty", "track 3 to track 1")


def test_a_wagon_that_others_stand_in_front_of_cannot_leave():
    text, told = answered(f"{STATE} Move A to track 2.")
    assert text.startswith(
        "Wagon A cannot leave track 1, as wagon B stands nearer the switch.\nThe yard stays as it is:"
    )
    assert told.disallowed_move == "wagon A to track 2"


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (f"{STATE} Is it safe to move E to track 3?", "Yes, that is allowed. Afterwards:\nTrack 1: A B. Track 2: C."),
        (f"{STATE} Are the moves 4 to 3 and 3 to 2 allowed?", "Yes, all these moves are allowed. Afterwards:\nTrack 1"),
        (
            "Track 1: A B C D. Track 2: E. Can I move E to 1?",
            "No: taking wagon E to track 1 is not allowed, as track 1 is",
        ),
        (
            "Track 1: A. Is 2 to 1 allowed?",
            "No: going from track 2 to track 1 is not allowed, as track 2 is empty.\nThe",
        ),
    ],
)
def test_whether_a_move_is_safe_is_a_yes_or_a_no_with_its_reason(text, begins):
    assert answered(text)[0].startswith(begins)


def test_a_plan_is_numbered_names_its_wagons_and_ends_in_the_goal():
    text, told = answered(f"{STATE} Goal: Track 1: A. Track 2: C B. Track 3: E. Track 4: D. Which moves?")
    lines = text.splitlines()
    assert lines[0] == "2 moves do it:"
    assert set(lines[1:3]) <= {f"{n}. Wagon {step.wagon}: {step.move}." for n, step in enumerate(told.steps, 1)}
    assert lines[-1] == "Track 1: A. Track 2: C B. Track 3: E. Track 4: D."
    assert told.reached
    assert told.ranked[0].moves_to_go == 1


def test_a_goal_that_is_the_start_needs_no_move():
    text, told = answered(f"{STATE} Goal: {STATE} Which moves?")
    assert text == f"No move is needed, the yard stands like that already:\n{STATE}"
    assert (told.reached, told.steps) == (True, [])


def test_a_goal_that_the_search_does_not_reach_is_said_to_be_so():
    text, told = answered(f"{STATE} Goal: Track 1: E D C. Track 2: B A. Which moves?", limit=2)
    assert text == "I found no way there within 2 moves."
    assert told.reached is False


def test_every_state_on_the_way_is_said_when_asked_for():
    text, _ = answered(f"{STATE} 4 to 3, then 1 to 3, step by step")
    assert text.splitlines() == [
        "1. After track 4 to track 3: Track 1: A B. Track 2: C. Track 3: E. Track 4: D.",
        "2. After track 1 to track 3: Track 1: A. Track 2: C. Track 3: E B. Track 4: D.",
    ]


def test_words_that_the_encoder_does_not_know_are_replaced_by_the_yards_own_and_that_is_told():
    text, told = answered("Track 1 accommodates A B. Move B to 2.", SimulatedModel({"accommodates A B": "BA"}))
    assert text.endswith("Track 1: A. Track 2: B. Track 3: empty. Track 4: empty.")
    assert told.words == "canonical"


def test_words_that_the_model_misreads_are_replaced_by_the_yards_own_and_that_is_told():
    misheard = SimulatedModel({"B by the points , A behind it": "BA"})
    text, told = answered("Track 1: B by the points, A behind it. Move 1 to 2.", misheard)
    assert text == f"After wagon B has gone from track 1 to track 2:\n{told.spoken}"
    assert told.spoken == "Track 1: A. Track 2: B. Track 3: empty. Track 4: empty."
    assert (told.fault, told.words) == (None, "canonical")


def test_an_order_that_the_reader_itself_doubts_is_asked_back():
    text, told = answered("Track 1: A next to B, somewhere behind C. Move 1 to 2.")
    assert text == told.fault
    assert (told.spoken, told.steps) == (None, [])


def test_a_turn_that_was_not_understood_gets_its_fault_as_the_answer():
    text, told = answered("Track 1: A A")
    assert text == told.fault == "Wagon A cannot stand in two places at once."
    assert told.question is None


@pytest.mark.parametrize("spoken", ["Track 1: A B.", "Track 1: A. Track 2: A. Track 3: empty. Track 4: empty.", ""])
def test_what_the_decoder_says_wrongly_is_not_mended(spoken):
    text, told = answered("Track 1: A B. Move 1 to 2.", voice=SimulatedVoice(spoken))
    assert spoken in text
    assert text.endswith("The world model could not say this state: the text above is no state of your yard.")
    assert told.agrees is False


def test_a_state_that_the_probe_does_not_read_is_said_with_its_doubt():
    other = "Track 1: B. Track 2: A. Track 3: empty. Track 4: empty."
    text, told = answered("Track 1: A B. Move 1 to 2.", voice=SimulatedVoice(other))
    assert "The world model is not sure of this" in text
    assert told.prediction_distance > 1


def test_the_state_is_said_and_read_again_every_few_moves():
    turn = "Track 1: A. " + "1 to 2, 2 to 1, " * 4 + "1 to 2"
    for anchor, times in ((4, 2), (1, 8), (0, 0)):
        voice = SimulatedVoice()
        text, told = answered(turn, voice=voice, anchor=anchor)
        assert text.endswith("Track 1: empty. Track 2: A. Track 3: empty. Track 4: empty.")
        assert (voice.whole, told.anchored) == (times, times)


def test_a_slip_of_the_tongue_on_the_way_is_not_gone_on_from():
    class Slips(SimulatedVoice):
        def say_all(self, prefixes):
            return ["Track 1: empty. Track 2: empty. Track 3: A. Track 4: empty." for _ in prefixes]

    text, told = answered("Track 1: A. 1 to 2, 2 to 1, 1 to 2, 2 to 1, 1 to 2", voice=Slips())
    assert text.endswith("Track 1: empty. Track 2: A. Track 3: empty. Track 4: empty.")
    assert told.anchored == 0


def test_a_surprise_is_far_from_what_was_imagined():
    turn = "Track 1: A B. I moved 1 to 2. I now see: "
    text, told = answered(turn + "Track 1: A. Track 2: B.")
    assert (told.surprise, "is what was expected" in text) == (0.0, True)
    text, told = answered(turn + "Track 1: A. Track 3: B.")
    assert told.surprise > 1
    assert "is not what was expected" in text


def test_an_ablated_answer_is_given_nothing_of_the_state():
    class Rows(SimulatedVoice):
        def say(self, prefix):
            assert not prefix.any()
            yield "who knows"

    text, _ = answered(STATE, voice=Rows(), ablate=True)
    assert text.startswith("who knows\nThe world model could not say this state")


def test_an_answer_is_a_state_to_go_on_from():
    turns = [f"{STATE} Goal: Track 1: A. Track 2: C B. Track 3: E. Track 4: D. Which moves?"]
    turns += [answered(turns[0])[0], "And then B to 3?"]
    turns += [
        "".join(answer(SimulatedModel(), SimulatedVoice(), read_conversation(turns))),
        "Is it safe to move A to 2?",
    ]
    text = "".join(answer(SimulatedModel(), SimulatedVoice(), read_conversation(turns)))
    assert text.endswith("Track 1: empty. Track 2: C A. Track 3: E B. Track 4: D.")


def test_all_that_is_told_is_json():
    told = answered(f"{STATE} Goal: Track 1: A. Track 2: C B. Track 4: D E. Which moves?")[1]
    assert json.loads(json.dumps(asdict(told)))["steps"][0]["move"] == "track 1 to track 2"
