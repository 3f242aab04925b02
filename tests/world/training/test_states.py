"""All states as numbers: what they hold is what the simulator says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from router.world.training.distances import Pairs, distances_from
from router.world.training.states import CONTENTS, HELD_OUT_PAIRS, SPLITS, held_out, states
from router.world.yard.state import MOVES, Yard


def test_every_yard_is_there_once():
    every = states()
    assert len(every.contents) == 101_725
    assert len(np.unique(every.contents, axis=0)) == 101_725
    assert (every.count == 6).sum() == 48_960


def test_moves_lead_where_the_simulator_says():
    every, rng = states(), random.Random(3)
    for number in rng.sample(range(len(every.contents)), 2000):
        yard = every.yard(number)
        assert yard.fault() is None
        for move, following in zip(MOVES, every.following[number], strict=True):
            if yard.forbids(move) is None:
                assert every.yard(following) == yard.after(move)
            else:
                assert following == -1


def test_states_are_found_by_their_contents():
    every = states()
    numbers = np.random.default_rng(0).integers(len(every.contents), size=500)
    assert (every.find(every.contents[numbers]) == numbers).all()


def test_the_held_out_states_are_a_fifth_each_and_all_of_a_wagon_on_a_track():
    every = states()
    shares = every.held.mean(axis=0)
    assert np.allclose(shares[:3], 0.2, atol=0.01)
    for wagon, track in HELD_OUT_PAIRS:
        for number in np.flatnonzero(every.seen)[:3000]:
            assert wagon not in every.yard(number).tracks[track]


def test_what_is_held_out_follows_from_a_state_alone():
    yard = Yard(("AD", "", "BCEF", ""))
    assert [held_out(yard, split) for split in SPLITS] == [held_out(Yard.read(str(yard)), split) for split in SPLITS]


def test_a_distance_is_the_number_of_moves_that_lead_there():
    every, rng = states(), np.random.default_rng(5)
    goal = int(rng.choice(np.flatnonzero(every.count == 6)))
    distance = distances_from(every.following, goal)
    assert distance[goal] == 0
    for number in rng.choice(np.flatnonzero((distance > 0) & (distance < 255)), 300):
        onward = every.following[number]
        assert distance[onward[onward >= 0]].min() == distance[number] - 1


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return Pairs(states(), np.random.default_rng(1))


def test_drawn_pairs_are_seen_states_with_the_same_wagons(pairs):
    every = states()
    starts, goals, _ = pairs.draw(300)
    assert every.seen[every.find(starts)].all()
    assert every.seen[every.find(goals)].all()
    for start, goal in zip(starts, goals, strict=True):
        wagons = [sorted("".join(CONTENTS[c] for c in state)) for state in (start, goal)]
        assert wagons[0] == wagons[1]


def test_drawn_distances_are_exact_although_wagons_were_renamed(pairs):
    every = states()
    starts, goals, moves = pairs.draw(50)
    for start, goal, told in list(zip(starts, goals, moves, strict=True))[:12]:
        distance = distances_from(every.following, int(every.find(goal)))
        assert distance[every.find(start)] == told
