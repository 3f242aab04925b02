"""Plans found by imagining: a beam search over latents, in which the simulator has no part.

At each depth every allowed move of every latent in the beam is imagined in one prediction, states already seen (as the
letter probe reads them) are dropped, and those that the moves-to-go head judges nearest to the goal are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from router.world.yard.state import MOVES, Move

__all__ = ["BEAM", "LIMIT", "Imagination", "Ranked", "plan", "plans", "ranked"]

BEAM = 8
LIMIT = 20
"""Moves; no two states of the yard with six wagons lie so far apart."""
LIKELY = 0.5

Floats = npt.NDArray[np.float32]
SOURCES = np.array([move.source for move in MOVES])
TARGETS = np.array([move.target for move in MOVES])


class Imagination(Protocol):
    """What planning needs of a `YardModel`; batch dimensions stand in front of a latent's [TRACKS, d]."""

    def predict(self, z: Floats, source: Any, target: Any) -> Floats: ...
    def forbidden(self, z: Floats, source: Any, target: Any) -> Floats: ...
    def places(self, z: Floats) -> npt.NDArray[np.int64]: ...
    def to_go(self, z: Floats, goal: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Ranked:
    """A move that may be made, and how many moves the goal is estimated to be away after it."""

    move: Move
    moves_to_go: float


@dataclass(slots=True)
class _Problem:
    """One search: the beam's latents, the moves that led to each, and the states seen."""

    goal: Floats
    wanted: bytes
    z: Floats
    ways: list[tuple[Move, ...]]
    seen: set[bytes] = field(default_factory=set)
    found: tuple[Move, ...] | None = None


def plan(
    model: Imagination, z: Floats, goal: Floats, *, beam: int = BEAM, limit: int = LIMIT
) -> tuple[Move, ...] | None:
    """The moves from one latent [TRACKS, d] to another; None when the beam has not met it within `limit` moves."""
    return plans(model, z[None], goal[None], beam=beam, limit=limit)[0]


def plans(
    model: Imagination, z: Floats, goals: Floats, *, beam: int = BEAM, limit: int = LIMIT
) -> list[tuple[Move, ...] | None]:
    """`plan` for [n, TRACKS, d] latents and goals; each depth of all searches is one prediction."""
    problems = []
    keys = zip(_keys(model, z), _keys(model, goals), strict=True)
    for number, (start, wanted) in enumerate(keys):
        found = () if start == wanted else None
        problems.append(_Problem(goals[number], wanted, z[number][None], [()], {start}, found))
    for _ in range(limit):
        searching = [problem for problem in problems if problem.found is None and problem.ways]
        if not searching:
            break
        _deepen(model, searching, beam)
    return [problem.found for problem in problems]


def ranked(model: Imagination, z: Floats, goal: Floats) -> list[Ranked]:
    """The moves allowed in one state, the most promising first."""
    every = np.broadcast_to(z, (len(MOVES), *z.shape))
    allowed = _allowed(model, every, SOURCES, TARGETS)
    after = model.predict(every[allowed], SOURCES[allowed], TARGETS[allowed])
    moves = [MOVES[number] for number in np.flatnonzero(allowed)]
    scores = model.to_go(after, goal) if moves else np.zeros(0, np.float32)
    judged = [Ranked(move, float(score)) for move, score in zip(moves, scores, strict=True)]
    return sorted(judged, key=lambda each: each.moves_to_go)


def _deepen(model: Imagination, problems: Sequence[_Problem], beam: int) -> None:
    """One move more for each search."""
    latents = np.concatenate([problem.z for problem in problems]).repeat(len(MOVES), axis=0)
    numbers = np.tile(np.arange(len(MOVES)), len(latents) // len(MOVES))
    owners = [(problem, way) for problem in problems for way in problem.ways for _ in MOVES]
    allowed = np.flatnonzero(_allowed(model, latents, SOURCES[numbers], TARGETS[numbers]))
    after = model.predict(latents[allowed], SOURCES[numbers[allowed]], TARGETS[numbers[allowed]])
    goals = np.stack([owners[at][0].goal for at in allowed]) if len(allowed) else after
    scores = model.to_go(after, goals) if len(allowed) else np.zeros(0, np.float32)
    fresh: dict[int, list[int]] = {id(problem): [] for problem in problems}
    for place, (at, key) in enumerate(zip(allowed, _keys(model, after), strict=True)):
        problem, way = owners[at]
        if key == problem.wanted and problem.found is None:
            problem.found = (*way, MOVES[numbers[at]])
        if key not in problem.seen:
            problem.seen.add(key)
            fresh[id(problem)].append(place)
    for problem in problems:
        kept = sorted(fresh[id(problem)], key=lambda place: float(scores[place]))[:beam]
        problem.z = after[kept]
        problem.ways = [(*owners[allowed[place]][1], MOVES[numbers[allowed[place]]]) for place in kept]


def _allowed(model: Imagination, z: Floats, sources: Any, targets: Any) -> npt.NDArray[np.bool_]:
    if not len(z):
        return np.zeros(0, np.bool_)
    return np.asarray((model.forbidden(z, sources, targets) <= LIKELY).all(axis=-1))


def _keys(model: Imagination, z: Floats) -> Iterator[bytes]:
    """What the letter probe reads in each latent, as something to compare by."""
    places = model.places(z).astype(np.int8) if len(z) else np.zeros((0, 1), np.int8)
    return (row.tobytes() for row in places)
