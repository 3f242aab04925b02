"""How many moves lie between two states, exactly: breadth-first search, the labels of the moves-to-go head.

Renaming the wagons changes no distance. So the goals need to be searched from only once for each shape (how many
wagons on which track), 68 searches for six wagons; a pair for training is drawn there, and its wagons are renamed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.world.training.states import CONTENTS, NUMBER, States
from router.world.yard.state import WAGONS

__all__ = ["Pairs", "distances_from"]

Ints = npt.NDArray[np.int32]
SHARES = {6: 0.8, 5: 0.1, 4: 0.06, 3: 0.04}
"""How often a pair has so many wagons."""


def distances_from(following: Ints, goal: int) -> npt.NDArray[np.uint8]:
    """[n]: moves from each state to `goal`, 255 where none lead there. Every move can be taken back at once."""
    distance = np.full(len(following), 255, np.uint8)
    distance[goal] = 0
    edge = np.array([goal])
    steps = 0
    while len(edge):
        steps += 1
        reached = following[edge].ravel()
        reached = np.unique(reached[reached >= 0])
        edge = reached[distance[reached] == 255]
        distance[edge] = steps
    return distance


@dataclass(frozen=True)
class _Searched:
    """The states with one number of wagons, and the distances from one goal of each shape."""

    states: Ints
    goals: Ints
    distances: npt.NDArray[np.uint8]
    named: Ints
    """[n, 2]: the goals and renamings that together make a goal which training may see."""


class Pairs:
    """Draws (state, goal, moves) among the states that training may see."""

    def __init__(self, states: States, rng: np.random.Generator):
        self._all = states
        self._seen = states.seen
        self._rng = rng
        self._renamed = _renamings(rng)
        self._searched = {count: self._search(count) for count in SHARES}

    def draw(self, size: int) -> tuple[Ints, Ints, npt.NDArray[np.float32]]:
        """Contents [size, TRACKS] of states and of goals, and the exact number of moves [size]."""
        parts = [self._draw(count, round(size * share)) for count, share in SHARES.items()]
        starts, goals, moves = (np.concatenate(part) for part in zip(*parts, strict=True))
        return starts, goals, moves.astype(np.float32)

    def _draw(self, count: int, size: int) -> tuple[Ints, Ints, npt.NDArray[np.uint8]]:
        searched, rng, all_states = self._searched[count], self._rng, self._all
        starts, goals, moves = [], [], []
        missing = size
        while missing > 0:
            tries = missing * 4 + 64
            shape, naming = searched.named[rng.integers(len(searched.named), size=tries)].T
            state = rng.integers(len(searched.states), size=tries)
            start = self._renamed[naming[:, None], all_states.contents[searched.states[state]]]
            goal = self._renamed[naming[:, None], all_states.contents[searched.goals[shape]]]
            kept = np.flatnonzero(self._seen[all_states.find(start)])[:missing]
            starts.append(start[kept])
            goals.append(goal[kept])
            moves.append(searched.distances[shape[kept], state[kept]])
            missing -= len(kept)
        return np.concatenate(starts), np.concatenate(goals), np.concatenate(moves)

    def _search(self, count: int) -> _Searched:
        # Of each shape, the state whose wagons are A, B, C … as they are read; all others are it with other names.
        contents = self._all.contents
        wagons = "".join(WAGONS[:count])
        numbers = np.flatnonzero(self._all.count == count)
        texts = np.array(["".join(CONTENTS[c] for c in contents[number]) for number in numbers])
        same = np.array([set(text) == set(wagons) for text in texts])
        inside = numbers[same].astype(np.int32)
        goals = numbers[texts == wagons].astype(np.int32)
        distances = np.stack([distances_from(self._all.following, int(goal))[inside] for goal in goals])
        called = self._renamed[np.arange(len(self._renamed))[:, None, None], contents[goals]]
        named = np.argwhere(self._seen[self._all.find(called)].T).astype(np.int32)
        return _Searched(inside, goals, distances, named)


def _renamings(rng: np.random.Generator, size: int = 720) -> Ints:
    """[size, contents]: each row maps contents to the same with other wagons' names."""
    orders = [rng.permutation(list(WAGONS)) for _ in range(size)]
    tables = [str.maketrans(WAGONS, "".join(order)) for order in orders]
    return np.array([[NUMBER[content.translate(table)] for content in CONTENTS] for table in tables], np.int32)
