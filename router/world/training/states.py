"""All states of the yard as whole numbers, so that a batch of them moves in one numpy call; and the held-out ones.

A track's content is one of 517 (each order of zero to four of the six wagons); a yard is four contents, and in all
there are 101,725 of them. What no training may see is decided by a hash of a state's text, so that everyone who asks
gets the same answer: three splits by chance, a fifth of the states each, and one by structure.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from router.world.yard.state import CAPACITY, MOVES, TRACKS, WAGONS, Yard

__all__ = ["CONTENTS", "HELD_OUT_PAIRS", "SPLITS", "States", "held_out", "states"]

Ints = npt.NDArray[np.int32]

CONTENTS = tuple("".join(order) for length in range(CAPACITY + 1) for order in itertools.permutations(WAGONS, length))
"""What can stand on one track, buffer stop first; `CONTENTS[0]` is empty."""
NUMBER = {content: number for number, content in enumerate(CONTENTS)}
SPLITS = ("seed 0", "seed 1", "seed 2", "structure")
HELD_OUT_PAIRS = (("A", 3), ("F", 0))
"""The split by structure: no training sees wagon A on track 4 or wagon F on track 1."""
_SHARE = 5


def held_out(yard: Yard, split: str) -> bool:
    """Whether a state belongs to the held-out ones of a split of SPLITS."""
    if split == "structure":
        return any(wagon in yard.tracks[track] for wagon, track in HELD_OUT_PAIRS)
    return zlib.crc32(f"{split}: {yard}".encode()) % _SHARE == 0


@dataclass(frozen=True, eq=False)
class States:
    """Every state, and where each move leads."""

    contents: Ints
    """[n, TRACKS]: numbers of CONTENTS, in ascending order."""
    count: Ints
    """[n]: wagons in the yard."""
    following: Ints
    """[n, len(MOVES)]: number of the next state; -1 where the move is not allowed."""
    held: npt.NDArray[np.bool_]
    """[n, len(SPLITS)]"""

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """[n]: the states that training may use: in no held-out set."""
        seen: npt.NDArray[np.bool_] = np.logical_not(np.any(self.held, axis=1))
        return seen

    def yard(self, number: int) -> Yard:
        """The state as the simulator has it."""
        return Yard(tuple(CONTENTS[content] for content in self.contents[number]))

    def find(self, contents: Ints) -> Ints:
        """[…, TRACKS] contents to numbers of states. They must exist."""
        found: Ints = np.searchsorted(_key(self.contents), _key(contents)).astype(np.int32)
        return found


@cache
def states() -> States:
    """All of them, built in about two seconds and checked against the simulator by a test."""
    contents = np.array(sorted(_all_contents()), np.int32)
    lengths = np.array([len(content) for content in CONTENTS], np.int32)
    keys = _key(contents)
    leave, last, arrive = _tables()
    following = np.full((len(contents), len(MOVES)), -1, np.int32)
    for number, (source, target) in enumerate(MOVES):
        goes, to = contents[:, source], contents[:, target]
        allowed = (goes > 0) & (lengths[to] < CAPACITY)
        after = contents.copy()
        after[:, source] = leave[goes]
        after[:, target] = arrive[to, last[goes]]
        following[allowed, number] = np.searchsorted(keys, _key(after[allowed]))
    yards = [Yard(tuple(CONTENTS[c] for c in row)) for row in contents]
    held = np.array([[held_out(yard, split) for split in SPLITS] for yard in yards])
    return States(contents, lengths[contents].sum(axis=1, dtype=np.int32), following, held)


def _all_contents() -> set[tuple[int, ...]]:
    every: set[tuple[int, ...]] = set()
    for length in range(len(WAGONS) + 1):
        shapes = [s for s in itertools.product(range(CAPACITY + 1), repeat=TRACKS) if sum(s) == length]
        for order in itertools.permutations(WAGONS, length):
            for shape in shapes:
                rest = iter(order)
                every.add(tuple(NUMBER["".join(itertools.islice(rest, size))] for size in shape))
    return every


def _tables() -> tuple[Ints, Ints, Ints]:
    """For each content: what stays when its last wagon leaves, which that is, and what an arrival makes of it."""
    leave = np.array([NUMBER[content[:-1]] for content in CONTENTS], np.int32)
    last = np.array([WAGONS.index(content[-1]) if content else -1 for content in CONTENTS], np.int32)
    arrive = np.array([[NUMBER.get(content + wagon, -1) for wagon in WAGONS] for content in CONTENTS], np.int32)
    return leave, last, arrive


def _key(contents: Ints) -> npt.NDArray[np.int64]:
    size = len(CONTENTS)
    key = np.zeros(contents.shape[:-1], np.int64)
    for track in range(TRACKS):
        key = key * size + contents[..., track]
    return key
