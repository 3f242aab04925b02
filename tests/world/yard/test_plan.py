import random

import numpy as np

from router.world.yard.plan import plan, plans, ranked
from router.world.yard.search import shortest
from router.world.yard.state import MOVES, Move, Yard
from tests.world.yard.simulated import SimulatedModel

MODEL = SimulatedModel()
START, GOAL = Yard(("AB", "CD", "", "")), Yard(("CD", "AB", "", ""))


def carried_out(start: Yard, moves: tuple[Move, ...]) -> Yard:
    for move in moves:
        start = start.after(move)
    return start


def test_a_plan_is_a_shortest_way_when_the_moves_to_go_are_exact():
    moves = plan(MODEL, MODEL.latent(START), MODEL.latent(GOAL), beam=2)
    assert moves is not None
    assert carried_out(START, moves) == GOAL
    assert len(moves) == len(shortest(START, GOAL) or ())


def test_nothing_is_to_be_done_where_the_goal_is_the_start():
    assert plan(MODEL, MODEL.latent(START), MODEL.latent(START)) == ()


def test_a_goal_out_of_reach_is_no_plan():
    z, goal = MODEL.latent(START), MODEL.latent(GOAL)
    assert plan(MODEL, z, goal, limit=6) is None
    assert plan(MODEL, z, MODEL.latent(Yard(("E", "", "", ""))), beam=1, limit=3) is None


def test_a_yard_in_which_nothing_can_move_ends_the_search():
    assert plan(MODEL, MODEL.latent(Yard(("", "", "", ""))), MODEL.latent(START)) is None


def test_several_problems_at_once_have_the_plans_that_each_has_alone():
    rng = random.Random(3)
    yards = [START]
    for _ in range(5):
        yards.append(carried_out(yards[-1], (rng.choice([m for m in MOVES if yards[-1].forbids(m) is None]),)))
    z = np.stack([MODEL.latent(yard) for yard in yards])
    goals = np.stack([MODEL.latent(START)] * len(yards))
    together = plans(MODEL, z, goals, beam=3)
    assert together == [plan(MODEL, one, goal, beam=3) for one, goal in zip(z, goals, strict=True)]
    assert [len(moves or ()) for moves in together] == [len(shortest(yard, START) or ()) for yard in yards]


def test_moves_are_ranked_by_what_is_left_to_do_and_disallowed_ones_are_left_out():
    judged = ranked(MODEL, MODEL.latent(START), MODEL.latent(GOAL))
    assert [each.moves_to_go for each in judged] == sorted(each.moves_to_go for each in judged)
    assert {each.move for each in judged} == {move for move in MOVES if START.forbids(move) is None}
    assert judged[0].moves_to_go == len(shortest(START, GOAL) or ()) - 1
