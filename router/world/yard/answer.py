"""The answer to a turn: the model imagines, its decoder speaks, and nothing that it says is mended.

Where the model does not read the words of the user rightly it is given the yard's own, and `Told` notes that; where the
decoder says what is no state of this yard the answer says so plainly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from router.world.yard.moves import Said
from router.world.yard.phrasing import canonical
from router.world.yard.plan import BEAM, LIKELY, LIMIT, Imagination, plan, ranked
from router.world.yard.reading import Reading, State
from router.world.yard.state import Move, Yard
from router.world.yard.told import RankedMove, Step, Told

__all__ = ["ANCHOR", "Thinker", "Told", "Voice", "answer"]

ANCHOR = 4
"""So many moves are imagined before the state is said and read again, which rids the latent of its drift. A slip of the
decoder's tongue would be worse than the drift of some moves: only what the probe reads as well is taken over."""
EXPECTED = 4.0
"""A surprise up to here is within what the model is usually off by."""

Floats = npt.NDArray[np.float32]


class Voice(Protocol):
    """The decoder: it reads the rows of a prefix and says what they stand for."""

    def say(self, prefix: Floats) -> Iterator[str]:
        """The text in pieces, as they are drawn."""
        ...

    def say_all(self, prefixes: Sequence[Floats]) -> list[str]: ...


class Thinker(Imagination, Protocol):
    """What an answer needs of a `YardModel`."""

    one_move: float
    one_error: float

    def encode(self, clauses: Sequence[str]) -> Floats: ...
    def read(self, z: Floats) -> tuple[str, ...]: ...
    def conditioning(self, z: Floats) -> Floats: ...
    def rows(self, conditioning: Floats) -> Floats: ...
    def distance(self, z: Floats, other: Floats) -> float: ...


def answer(
    model: Thinker,
    voice: Voice,
    reading: Reading,
    *,
    told: Told | None = None,
    ablate: bool = False,
    anchor: int = ANCHOR,
    beam: int = BEAM,
    limit: int = LIMIT,
) -> Iterator[str]:
    """The answer's text in pieces; `told` is filled on the way and whole when they end.

    `ablate` zeroes what the decoder reads, to show what it knows without a state. `anchor` 0 never says the state on
    the way. Raises what the voice raises.
    """
    told = Told() if told is None else told
    if reading.fault is not None or reading.start is None:
        told.fault = reading.fault
        yield reading.fault or ""
        return
    told.question = reading.question
    teller = _Teller(model, voice, told, reading.start, ablate)
    start = teller.heard(reading.start)
    if start is None:
        yield told.fault or ""
        return
    if reading.question == "plan" and reading.goal is not None:
        yield from _planned(teller, start, reading.goal, beam, limit)
    elif reading.question == "show":
        yield from teller.said(start)
        yield from teller.surprised(start, reading.observed)
    else:
        yield from _moved(teller, start, reading, anchor)


def _moved(teller: _Teller, z: Floats, reading: Reading, anchor: int) -> Iterator[str]:
    """What the moves lead to, as far as they are allowed."""
    states = [z]
    safe, several = reading.question == "safe", len(reading.moves) > 1
    for number, said in enumerate(reading.moves, 1):
        move = teller.possible(z, said)
        if move is None:
            lead = ("No: " if safe else "") + (f"in move {number}, " if several else "")
            yield _upper(f"{lead}{teller.why(said)}.\n")
            yield "Before it the yard is:\n" if number > 1 else "The yard stays as it is:\n"
            yield from teller.said(z)
            return
        z = teller.imagined(z, move)
        if anchor and number % anchor == 0 and number < len(reading.moves):
            z = teller.anchored(z)
        states.append(z)
    if safe:
        yield f"Yes, {'all these moves are' if several else 'that is'} allowed. Afterwards:\n"
    if reading.steps and several:
        yield from teller.each_said(states)
    else:
        if not safe:
            yield f"{_after(teller.told.steps)}:\n"
        yield from teller.said(z)
    yield from teller.surprised(z, reading.observed)


def _planned(teller: _Teller, z: Floats, wanted: State, beam: int, limit: int) -> Iterator[str]:
    goal = teller.heard(wanted)
    if goal is None:
        yield teller.told.fault or ""
        return
    model, told = teller.model, teller.told
    judged = ranked(model, z, goal)
    told.ranked = [
        RankedMove(str(each.move), each.move.source + 1, each.move.target + 1, round(each.moves_to_go, 3))
        for each in judged
    ]
    moves = plan(model, z, goal, beam=beam, limit=limit)
    told.reached = moves is not None
    if moves is None:
        told.fault = f"I found no way there within {limit} moves."
        yield told.fault
        return
    for move in moves:
        z = teller.imagined(z, move)
    yield _listed(told.steps)
    yield from teller.said(z, wanted.yard)


def _listed(steps: Sequence[Step]) -> str:
    if not steps:
        return "No move is needed, the yard stands like that already:\n"
    lines = [f"{number}. Wagon {step.wagon}: {step.move}." for number, step in enumerate(steps, 1)]
    return f"{len(steps)} move{'s do' if len(steps) > 1 else ' does'} it:\n" + "\n".join(lines) + "\nAfterwards:\n"


def _after(steps: Sequence[Step]) -> str:
    if len(steps) > 1:
        return f"After these {len(steps)} moves"
    return f"After wagon {steps[0].wagon} has gone from {steps[0].move}" if steps else "The yard"


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


class _Teller:
    """One answer's model, voice and record."""

    def __init__(self, model: Thinker, voice: Voice, told: Told, start: State, ablate: bool):
        self.model = model
        self.told = told
        self._voice = voice
        self._wagons = start.yard.wagons
        self._ablate = ablate

    def heard(self, state: State) -> Floats | None:
        """The latent of a state: from the user's words where the model reads them rightly, else from the yard's own.

        None, with a fault told, for a state that the model does not read rightly in the yard's own words either.
        """
        z = self.model.encode(state.clauses)
        read = self.model.read(z)
        own = read == state.yard.tracks
        if not own:
            z = self.model.encode(tuple(map(canonical, state.yard.tracks)))
            if self.model.read(z) != state.yard.tracks:
                self.told.fault = f"The world model cannot take in this state: {state.yard}"
                return None
        if self.told.words != "canonical":
            self.told.words = "own" if own else "canonical"
        if self.told.state is None:
            self.told.state = str(Yard(self.model.read(z)))
        return z

    def possible(self, z: Floats, said: Said) -> Move | None:
        """The move if it is allowed in this state; else None, and why is told."""
        move = said if isinstance(said, Move) else said.resolved(Yard(self.model.read(z)))
        if isinstance(move, str):
            self.told.disallowed = move
        else:
            empty, full = self.model.forbidden(z, move.source, move.target)
            if max(empty, full) <= LIKELY:
                return move
            self.told.disallowed = "empty" if empty > LIKELY else "full"
        self.told.disallowed_move = str(said)
        return None

    def why(self, said: Said) -> str:
        """Why a move is not allowed, without a full stop."""
        told = self.told.disallowed or ""
        named = f"going from {said}" if isinstance(said, Move) else f"taking {said}"
        if told == "full":
            return f"{named} is not allowed, as track {said.target + 1} is full"
        if told == "empty" and said.source is not None:
            return f"{named} is not allowed, as track {said.source + 1} is empty"
        return told

    def imagined(self, z: Floats, move: Move) -> Floats:
        """The latent after an allowed move."""
        before = self.model.read(z)[move.source]
        chances = self.model.forbidden(z, move.source, move.target)
        after = self.model.predict(z, move.source, move.target)
        step = Step(
            str(move),
            move.source + 1,
            move.target + 1,
            before[-1:] or None,
            round(float(np.prod(1 - chances)), 4),
            str(Yard(self.model.read(after))),
            round(self.model.distance(z, after) / self.model.one_move, 3),
        )
        self.told.steps.append(step)
        return after

    def anchored(self, z: Floats) -> Floats:
        """The latent of what the decoder says of a latent; the same one where the probe does not read that in it."""
        if self._ablate:
            return z
        yard = self._yard(self._voice.say_all([self._prefix(z)])[0])
        if yard is None or yard.tracks != self.model.read(z):
            return z
        self.told.anchored += 1
        return self.model.encode(tuple(map(canonical, yard.tracks)))

    def said(self, z: Floats, expected: Yard | None = None) -> Iterator[str]:
        """The state in the decoder's words, piece by piece, and a sentence more where they cannot be right."""
        pieces = []
        for piece in self._voice.say(self._prefix(z)):
            pieces.append(piece)
            yield piece
        yield from self._judged(z, "".join(pieces), expected)

    def each_said(self, states: Sequence[Floats]) -> Iterator[str]:
        """Every state on the way, the first being the one before any move."""
        for number, text in enumerate(self._voice.say_all([self._prefix(z) for z in states[1:]])):
            yield f"{number + 1}. After {self.told.steps[number].move}: {text}\n"
            yield from self._judged(states[number + 1], text, None)

    def surprised(self, z: Floats, observed: State | None) -> Iterator[str]:
        """How far a state that was observed lies from the one imagined."""
        if observed is None:
            return
        seen = self.model.encode(tuple(map(canonical, observed.yard.tracks)))
        surprise = self.told.surprise = round(self.model.distance(z, seen) / self.model.one_error, 3)
        if observed.yard.tracks == self.model.read(z):
            yield f"\nWhat you observed is what was expected (surprise {surprise:.1f})."
        else:
            yield f"\nWhat you observed is not what was expected (surprise {surprise:.1f}, where about 1 is usual)."

    def _judged(self, z: Floats, text: str, expected: Yard | None) -> Iterator[str]:
        self.told.spoken = text
        yard = self._yard(text)
        read = self.model.read(z)
        self.told.agrees = yard is not None and yard.tracks == read
        if yard is None:
            self.told.fault = "The world model could not say this state: the text above is no state of your yard."
        elif not self.told.agrees:
            self.told.fault = f"The world model is not sure of this: its letter probe reads {Yard(read)}"
        elif expected is not None and yard != expected:
            self.told.fault, self.told.reached = "The world model missed the state that was asked for.", False
        if yard is not None:
            spoken = self.model.encode(tuple(map(canonical, yard.tracks)))
            self.told.prediction_distance = round(self.model.distance(z, spoken) / self.model.one_error, 3)
        if self.told.fault is not None:
            yield f"\n{self.told.fault}"

    def _yard(self, text: str) -> Yard | None:
        """The state that a text says, if it is one with the wagons of this yard."""
        try:
            yard = Yard.read(text)
        except ValueError:
            return None
        return yard if yard.wagons == self._wagons else None

    def _prefix(self, z: Floats) -> Any:
        conditioning = self.model.conditioning(z)
        return self.model.rows(np.zeros_like(conditioning) if self._ablate else conditioning)
