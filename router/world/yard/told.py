"""What a world model knows beside its answer, as it goes into the answer's extension field."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["RankedMove", "Step", "Told"]


@dataclass(slots=True)
class Step:
    """One imagined move. Tracks count from 1, as in words."""

    move: str
    source: int
    target: int
    wagon: str | None
    """The wagon that goes, as read from the latent before the move."""
    allowed: float
    """How probable the model holds it that the move is allowed."""
    state: str
    """The state after it, as the letter probe reads it from the latent."""
    distance: float
    """Between the latents before and after, in units of one usual move."""


@dataclass(slots=True)
class RankedMove:
    """A move allowed at the start, and how many moves the model thinks are left to the goal after it."""

    move: str
    source: int
    target: int
    moves_to_go: float


@dataclass(slots=True)
class Told:
    """Filled while an answer is given; `dataclasses.asdict` makes JSON of it."""

    question: str | None = None
    """after, safe, plan or show; None when the turn was not understood."""
    fault: str | None = None
    """The sentence that asks back, or says what the model could not do; nothing was invented instead."""
    state: str | None = None
    """The state that the questions are about, as read from its latent."""
    words: str | None = None
    """`own`: the encoder read the user's own words rightly; `canonical`: it was given the yard's own words."""
    steps: list[Step] = field(default_factory=list)
    """The moves asked for, or planned, as far as they are allowed."""
    disallowed: str | None = None
    """Why a move is not allowed: `empty`, `full`, or a sentence about the wagon it names."""
    disallowed_move: str | None = None
    spoken: str | None = None
    """The state as the decoder said it from the latent."""
    agrees: bool | None = None
    """Whether the letter probe reads in the latent what the decoder said."""
    prediction_distance: float | None = None
    """Between the imagined latent and that of the text the decoder made of it; about 1 is usual."""
    surprise: float | None = None
    """Between the imagined latent and that of the state observed, in the same unit."""
    reached: bool | None = None
    """Whether a plan reaches its goal."""
    ranked: list[RankedMove] = field(default_factory=list)
    anchored: int = 0
    """How many times the state was said and read again on the way."""
