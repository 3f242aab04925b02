"""The simulator's own latent, with the interface of `YardModel`: no trained file, no mistake.

It stands in for the trained model where a test is about what is done with its answers; `test_shipped.py` asks the same
of the files that ship. A latent is one-hot: for each place of a track, no wagon or one of six.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from router.world.yard.order import standing
from router.world.yard.search import shortest
from router.world.yard.state import CAPACITY, TRACKS, WAGONS, Move, Yard

Floats = npt.NDArray[np.float32]
KINDS = 1 + len(WAGONS)


class SimulatedModel:
    """Exact in everything; what it hears wrongly (`misheard`: clause → wagons) is up to the test."""

    one_move = 2.0
    one_error = 1.0

    def __init__(self, misheard: dict[str, str] | None = None):
        self.misheard = misheard or {}

    def encode(self, clauses: Sequence[str]) -> Floats:
        heard = [self.misheard[c] if c in self.misheard else standing(c.split()) for c in clauses]
        return self.latent(Yard(tuple(heard)))

    def latent(self, yard: Yard) -> Floats:
        z = np.zeros((TRACKS, CAPACITY, KINDS), np.float32)
        for track, wagons in enumerate(yard.tracks):
            for place in range(CAPACITY):
                z[track, place, 1 + WAGONS.index(wagons[place]) if place < len(wagons) else 0] = 1
        return z.reshape(TRACKS, -1)

    def places(self, z: Floats) -> npt.NDArray[np.int64]:
        return np.asarray(z.reshape(*z.shape[:-1], CAPACITY, KINDS).argmax(axis=-1))

    def read(self, z: Floats) -> tuple[str, ...]:
        return tuple("".join(WAGONS[p - 1] for p in track if p) for track in self.places(z))

    def predict(self, z: Floats, source: Any, target: Any) -> Floats:
        moved = [self.latent(yard.after(move)) for yard, move in self._each(z, source, target)]
        return np.array(moved, np.float32).reshape(z.shape)

    def forbidden(self, z: Floats, source: Any, target: Any) -> Floats:
        told = [
            [float(not yard.tracks[move.source]), float(len(yard.tracks[move.target]) >= CAPACITY)]
            for yard, move in self._each(z, source, target)
        ]
        return np.array(told, np.float32).reshape(*z.shape[:-2], 2)

    def to_go(self, z: Floats, goal: Floats) -> Floats:
        z, goal = np.broadcast_arrays(z, goal)
        pairs = zip(z.reshape(-1, *z.shape[-2:]), goal.reshape(-1, *z.shape[-2:]), strict=True)
        ways = [shortest(Yard(self.read(a)), Yard(self.read(b))) for a, b in pairs]
        return np.array([99 if way is None else len(way) for way in ways], np.float32).reshape(z.shape[:-2])

    def conditioning(self, z: Floats) -> Floats:
        return z

    def rows(self, conditioning: Floats) -> Floats:
        return conditioning

    def distance(self, z: Floats, other: Floats) -> float:
        return float(np.linalg.norm(z - other))

    def _each(self, z: Floats, source: Any, target: Any) -> Iterator[tuple[Yard, Move]]:
        flat = z.reshape(-1, *z.shape[-2:])
        sources = np.broadcast_to(source, z.shape[:-2]).ravel()
        targets = np.broadcast_to(target, z.shape[:-2]).ravel()
        for one, i, j in zip(flat, sources, targets, strict=True):
            yield Yard(self.read(one)), Move(int(i), int(j))


class SimulatedVoice:
    """Says what stands in the simulator's latent, in pieces; or, if given, always the same text."""

    def __init__(self, text: str | None = None):
        self.text = text
        self.whole = 0
        """How many texts `say_all` has said."""

    def say(self, prefix: Floats) -> Iterator[str]:
        words = self._text(prefix).split(" ")
        for number, word in enumerate(words):
            yield word if number == 0 else f" {word}"

    def say_all(self, prefixes: Sequence[Floats]) -> list[str]:
        self.whole += len(prefixes)
        return [self._text(prefix) for prefix in prefixes]

    def _text(self, prefix: Floats) -> str:
        return str(Yard(SimulatedModel().read(prefix))) if self.text is None else self.text
