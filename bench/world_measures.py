"""What is measured of the yard's world model, each through its shipped files and llama.cpp. All are shares, 0 to 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.world_cases import Cases
from bench.yard_phrasings import BAD, Sample, Writer, samples
from router.backends.world.voice import CrowdVoice
from router.world.training.states import States
from router.world.yard.answer import Told, answer
from router.world.yard.model import YardModel
from router.world.yard.phrasing import canonical
from router.world.yard.plan import plans
from router.world.yard.reading import read
from router.world.yard.state import MOVES, Move, Yard

__all__ = ["Measures", "Understood"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
SOURCES = np.array([move.source for move in MOVES])
TARGETS = np.array([move.target for move in MOVES])
AT_ONCE = 64


@dataclass
class Understood:
    """What became of the messages of one writer."""

    asked: Counter[str] = field(default_factory=Counter)
    """By kind of question."""
    right: Counter[str] = field(default_factory=Counter)
    asked_back: int = 0
    """Not answered but with a sentence that says what was not understood."""
    own_words: int = 0
    """Right, and the encoder read every track in the user's own words."""
    seen: Counter[str] = field(default_factory=Counter)
    """By style of wording: how often it came."""
    failed: Counter[str] = field(default_factory=Counter)

    def share(self, kind: str | None = None) -> float:
        """Right answers to one kind of question, or to all."""
        if kind is not None:
            return self.right[kind] / self.asked[kind]
        return self.right.total() / self.asked.total()

    def worst(self, most: int) -> list[tuple[str, float]]:
        """Styles with the share that went wrong, the hardest first."""
        shares = [(style, self.failed[style] / count) for style, count in self.seen.items() if self.failed[style]]
        return sorted(shares, key=lambda each: -each[1])[:most]


@dataclass(frozen=True)
class Measures:
    """The model, its decoder's voice, and the states."""

    model: YardModel
    voice: CrowdVoice
    states: States

    def next_state(self, cases: Cases, size: int) -> dict[str, float]:
        """One imagined move, said by the decoder: with the conditioning as it is, zeroed, and of another case."""
        walk, moves = cases.walks(size, 1, purpose=1)
        z = self._moved(self._encoded(walk[:, 0]), moves[:, 0])
        rows = self.model.prefix(z)
        both = cases.states.held[walk[:, 1], :].any(axis=1)
        right = self._right(rows, walk[:, 1])
        zeroed = self.model.rows(np.zeros_like(self.model.conditioning(z)))
        return {
            "next state": float(right.mean()),
            "next state, held out too": float(right[both].mean()),
            "conditioning zeroed": float(self._right(zeroed, walk[:, 1]).mean()),
            "conditioning shuffled": float(self._right(np.roll(rows, 1, axis=0), walk[:, 1]).mean()),
            "no prefix at all": float(self._right([None] * size, walk[:, 1]).mean()),
        }

    def rollouts(self, cases: Cases, size: int, lengths: Sequence[int]) -> dict[str, float]:
        """Moves imagined one after the other in latent space alone; the decoder says only the last state."""
        walk, moves = cases.walks(size, max(lengths), purpose=2)
        z = self._encoded(walk[:, 0])
        shares = {}
        for step in range(max(lengths)):
            z = self._moved(z, moves[:, step])
            if step + 1 in lengths:
                right = self._right(self.model.prefix(z), walk[:, step + 1])
                shares[f"{step + 1} moves"] = float(right.mean())
        return shares

    def anchored(self, cases: Cases, size: int, length: int, every: int) -> float:
        """The same, but every few moves the decoder says the state and the encoder reads what it said, where the probe
        reads it as well: as `router.world.yard.answer` does it."""
        walk, moves = cases.walks(size, length, purpose=2)
        z = self._encoded(walk[:, 0])
        for step in range(length):
            z = self._moved(z, moves[:, step])
            if (step + 1) % every == 0 and step + 1 < length:
                z = self._anchored(self.voice.say_all(list(self.model.prefix(z))), z)
        return float(self._right(self.model.prefix(z), walk[:, length]).mean())

    def disallowed(self, cases: Cases, size: int) -> dict[str, float]:
        """Whether a move is allowed, and why not, told from the latent of the state."""
        starts, moves = cases.any_moves(size, purpose=3)
        chances = self.model.forbidden(self._encoded(starts), SOURCES[moves], TARGETS[moves])
        said = [_why(empty, full) for empty, full in chances]
        truth = [self.states.yard(int(start)).forbids(MOVES[move]) for start, move in zip(starts, moves, strict=True)]
        told = [(a is None) == (b is None) for a, b in zip(said, truth, strict=True)]
        return {
            "disallowed moves told": float(np.mean(told)),
            "and why": float(np.mean([a == b for a, b in zip(said, truth, strict=True)])),
        }

    def plans(self, cases: Cases, size: int, distance: int, beam: int) -> float:
        """A plan of optimal length is found: carried out by the simulator, it ends in the goal after so many moves."""
        starts, goals = cases.goals(size, distance, purpose=4)
        made = plans(self.model, self._encoded(starts), self._encoded(goals), beam=beam, limit=distance)
        lengths = [
            self._carried_out(int(start), moves, int(goal)) if moves is not None else None
            for start, moves, goal in zip(starts, made, goals, strict=True)
        ]
        return lengths.count(distance) / len(starts)

    def phrasings(self, writer: Writer, size: int, seed: int) -> Understood:
        """Whole messages through reading, encoder, transition and decoder; the answers against the simulator."""
        result = Understood()
        for sample in samples(size, seed, writer):
            told = Told()
            for _ in answer(self.model, self.voice, read(sample.text), told=told):
                pass
            good = _is_right(sample, told)
            result.asked[sample.kind] += 1
            result.right[sample.kind] += good
            result.asked_back += not good and told.spoken is None
            result.own_words += good and told.words == "own"
            result.seen.update(sample.styles)
            result.failed.update(() if good else sample.styles)
        return result

    def refused(self) -> float:
        """Messages that no careful reader would answer get a sentence and no state."""
        told = [Told() for _ in BAD]
        for (text, _), each in zip(BAD, told, strict=True):
            for _ in answer(self.model, self.voice, read(text), told=each):
                pass
        return float(np.mean([each.spoken is None or each.disallowed is not None for each in told]))

    def _carried_out(self, state: int, made: Sequence[tuple[int, int]], goal: int) -> int | None:
        """How many moves lead to the goal; None when one is not allowed or the goal is missed."""
        for move in made:
            state = int(self.states.following[state, MOVES.index(move)])  # type: ignore[arg-type]
            if state < 0:
                return None
        return len(made) if state == goal else None

    def _moved(self, z: Floats, moves: Ints) -> Floats:
        return self.model.predict(z, SOURCES[moves], TARGETS[moves])

    def _encoded(self, numbers: Ints) -> Floats:
        return self._of([self.states.yard(int(number)) for number in numbers])

    def _of(self, yards: Sequence[Yard]) -> Floats:
        parts = []
        for some in _some(yards, AT_ONCE):
            z = self.model.encode([canonical(wagons) for yard in some for wagons in yard.tracks])
            parts.append(z.reshape(len(some), *z.shape[-2:]))
        return np.concatenate(parts)

    def _anchored(self, texts: Sequence[str], z: Floats) -> Floats:
        """What was said, encoded; where it is no yard, or the probe reads another, the imagined latent stays."""
        z = z.copy()
        for number, text in enumerate(texts):
            try:
                yard = Yard.read(text)
            except ValueError:
                continue
            if yard.tracks == self.model.read(z[number]):
                z[number] = self._of([yard])[0]
        return z

    def _right(self, rows: Sequence[Floats | None] | Floats, numbers: Ints) -> npt.NDArray[np.bool_]:
        wanted = [str(self.states.yard(int(number))) for number in numbers]
        said: list[str] = []
        for some in _some(list(rows), AT_ONCE):
            said += self.voice.say_all(some)
        return np.array([text.strip() == want for text, want in zip(said, wanted, strict=True)])


def _is_right(sample: Sample, told: Told) -> bool:
    """The decoder said the state that the simulator reaches; a plan is carried out by the simulator."""
    yard = sample.yard
    if sample.kind == "plan":
        moves = [Move(step.source - 1, step.target - 1) for step in told.steps]
    else:
        moves = list(sample.moves)
    for move in moves:
        if yard.forbids(move) is not None:
            right_reason = told.disallowed == yard.forbids(move) or (told.disallowed or "") not in ("", "empty", "full")
            return sample.kind != "plan" and right_reason and told.spoken == str(yard)
        yard = yard.after(move)
    if sample.kind == "plan" and yard != sample.goal:
        return False
    return told.disallowed is None and (told.spoken or "").strip() == str(yard)


def _why(empty: float, full: float) -> str | None:
    if empty > 0.5:
        return "empty"
    return "full" if full > 0.5 else None


def _some(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
