"""The same as with the simulator's latent, but with the trained files that ship, through llama.cpp."""

import random

import pytest

from router.world.yard.answer import Told, answer
from router.world.yard.model import DECODER, SHIPPED, YardModel
from router.world.yard.phrasing import phrase
from router.world.yard.reading import read
from router.world.yard.search import shortest
from router.world.yard.state import MOVES, Yard

pytest.importorskip("llama_cpp")
from router.backends.world.decoder import Decoder
from router.backends.world.voice import CrowdVoice

pytestmark = pytest.mark.skipif(not (SHIPPED / DECODER).is_file(), reason="no trained files")


@pytest.fixture(scope="module")
def yard():
    return YardModel.load()


@pytest.fixture(scope="module")
def voice():
    decoder = Decoder(SHIPPED / DECODER, parallel=4, n_ctx=256, n_gpu_layers=0, n_threads=1)
    yield CrowdVoice(decoder.crowd, decoder.model)
    decoder.close()


def random_yard(rng: random.Random, wagons: int) -> Yard:
    while True:
        tracks = ["", "", "", ""]
        for wagon in rng.sample("ABCDEF", wagons):
            tracks[rng.randrange(4)] += wagon
        if Yard(tuple(tracks)).fault() is None:
            return Yard(tuple(tracks))


def test_answers_about_random_moves_are_those_of_the_simulator(yard, voice):
    rng = random.Random(11)
    right = 0
    for _ in range(150):
        start = random_yard(rng, rng.randint(1, 6))
        moves = [rng.choice([move for move in MOVES if start.forbids(move) is None])]
        after = start.after(moves[0])
        text = "".join(answer(yard, voice, read(f"{start} Move from {moves[0]}.")))
        right += text.endswith(str(after))
    assert right >= 149


def test_answers_about_disallowed_moves_say_why(yard, voice):
    rng = random.Random(12)
    right = asked = 0
    while asked < 100:
        start = random_yard(rng, rng.randint(1, 6))
        move = rng.choice(MOVES)
        if (why := start.forbids(move)) is None:
            continue
        asked += 1
        told = Told()
        text = "".join(answer(yard, voice, read(f"{start} Is it safe to go from {move}?"), told=told))
        right += told.disallowed == why and text.startswith("No: ") and text.endswith(str(start))
    assert right >= 99


def test_phrasings_of_whole_yards_are_understood_in_the_users_own_words(yard, voice):
    rng = random.Random(13)
    own = right = 0
    for _ in range(120):
        state = random_yard(rng, rng.randint(1, 6))
        said = "\n".join(f"Track {n}: {phrase(wagons, rng)}" for n, wagons in enumerate(state.tracks, 1))
        told = Told()
        text = "".join(answer(yard, voice, read(said), told=told))
        right += text == str(state)
        own += told.words == "own"
    assert right >= 118
    assert own >= 115


def test_plans_reach_their_goals_and_are_short(yard, voice):
    rng = random.Random(14)
    optimal = 0
    for _ in range(12):
        start, goal = random_yard(rng, 5), random_yard(rng, 5)
        goal = Yard(tuple(w.translate(str.maketrans(goal.wagons, start.wagons)) for w in goal.tracks))
        told = Told()
        text = "".join(answer(yard, voice, read(f"{start} Goal: {goal} Which moves lead there?"), told=told))
        assert text.endswith(str(goal))
        optimal += len(told.steps) == len(shortest(start, goal) or ())
    assert optimal >= 11


def test_without_the_state_the_decoder_knows_nothing(yard, voice):
    rng = random.Random(15)
    said = [random_yard(rng, 6) for _ in range(40)]
    assert sum("".join(answer(yard, voice, read(str(state)), ablate=True)) == str(state) for state in said) == 0
