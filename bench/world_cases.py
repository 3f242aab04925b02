"""Cases for the evaluation of the yard: states that no training saw, moves, and goals at an exact distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.world.training.distances import distances_from
from router.world.training.states import SPLITS, States
from router.world.yard.state import MOVES, WAGONS

__all__ = ["Cases"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """Draws from the held-out states of one split; the same seed gives the same cases."""

    states: States
    split: str
    seed: int = 0

    def starts(self, size: int, purpose: int) -> Ints:
        """Held-out states with all six wagons, without repetition where there are enough."""
        held = self.states.held[:, SPLITS.index(self.split)] & (self.states.count == len(WAGONS))
        chosen: Ints = self._rng(purpose).choice(np.flatnonzero(held), size, replace=False)
        return chosen

    def walks(self, size: int, steps: int, purpose: int) -> tuple[Ints, Ints]:
        """States [size, steps + 1] and moves [size, steps], chosen among all that are allowed."""
        rng = self._rng(purpose + 1000)
        walk, moves = [self.starts(size, purpose)], []
        for _ in range(steps):
            options = self.states.following[walk[-1]] >= 0
            moves.append((rng.random(options.shape) * options).argmax(axis=1))
            walk.append(self.states.following[walk[-1], moves[-1]].astype(np.int64))
        return np.stack(walk, axis=1), np.stack(moves, axis=1)

    def any_moves(self, size: int, purpose: int) -> tuple[Ints, Ints]:
        """States and moves, allowed or not: each of the twelve is as likely."""
        return self.starts(size, purpose), self._rng(purpose + 1000).integers(len(MOVES), size=size)

    def goals(self, size: int, distance: int, purpose: int) -> tuple[Ints, Ints]:
        """Held-out starts, and for each a goal that is exactly `distance` moves away, held out too."""
        rng = self._rng(purpose + 1000)
        held = self.states.held[:, SPLITS.index(self.split)]
        starts, goals = [], []
        for start in self.starts(4 * size, purpose):
            far = np.flatnonzero((distances_from(self.states.following, int(start)) == distance) & held)
            if len(far):
                starts.append(int(start))
                goals.append(int(rng.choice(far)))
            if len(starts) == size:
                break
        return np.array(starts), np.array(goals)

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, SPLITS.index(self.split), purpose])
