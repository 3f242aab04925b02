"""Questions about a random yard, for loads: what is asked, and the state that a right answer holds."""

from __future__ import annotations

import random
from typing import NamedTuple

from router.world.yard.state import CAPACITY, MOVES, TRACKS, WAGONS, Yard

__all__ = ["Question", "questions"]


class Question(NamedTuple):
    """The user's words, and the state that they ask for."""

    text: str
    state: str


def questions(count: int, seed: int = 0) -> list[Question]:
    """One allowed move each, on a yard with all wagons; the same arguments give the same questions."""
    draw = random.Random(seed)
    return [_question(draw) for _ in range(count)]


def _question(draw: random.Random) -> Question:
    tracks = [""] * TRACKS
    for wagon in draw.sample(WAGONS, len(WAGONS)):
        tracks[draw.choice([n for n in range(TRACKS) if len(tracks[n]) < CAPACITY])] += wagon
    yard = Yard(tuple(tracks))
    move = draw.choice([move for move in MOVES if yard.forbids(move) is None])
    where = f"track {move.source + 1} goes to track {move.target + 1}"
    return Question(f"{yard} What does the yard look like after the last wagon of {where}?", str(yard.after(move)))
