"""The switch yard and its rules: the ground truth that the world model is trained on and measured against.

Four tracks end at one switch. Each holds up to four of the wagons A to F and ends at a buffer stop; a track is
written from its buffer stop to the switch, so the last wagon named is the one that can leave. A move takes that wagon
to another track, where it is then the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["CAPACITY", "MOVES", "TRACKS", "WAGONS", "Move", "Yard"]

TRACKS = 4
CAPACITY = 4
WAGONS = "ABCDEF"


class Move(NamedTuple):
    """The wagon nearest the switch goes from one track to another. Tracks count from 0 here and from 1 in words."""

    source: int
    target: int

    def __str__(self) -> str:
        return f"track {self.source + 1} to track {self.target + 1}"


MOVES = tuple(Move(i, j) for i in range(TRACKS) for j in range(TRACKS) if i != j)


@dataclass(frozen=True, slots=True)
class Yard:
    """One state: for each track its wagons from the buffer stop to the switch, such as ("AD", "", "BCEF", "")."""

    tracks: tuple[str, ...]

    def __str__(self) -> str:
        """The one form in which a state is spoken: `Track 1: A D. Track 2: empty. …`"""
        return " ".join(f"Track {n}: {' '.join(wagons) or 'empty'}." for n, wagons in enumerate(self.tracks, 1))

    @classmethod
    def read(cls, text: str) -> Yard:
        """The inverse of `str`. Raises ValueError for any other text."""
        parts = text.strip().rstrip(".").split(". ")
        tracks = []
        for number, part in enumerate(parts, 1):
            head, _, wagons = part.partition(": ")
            if head != f"Track {number}":
                raise ValueError(f"not the text of a yard: {text[:80]!r}")
            tracks.append("" if wagons == "empty" else wagons.replace(" ", ""))
        yard = cls(tuple(tracks))
        if yard.fault() is not None or str(yard) != text.strip():
            raise ValueError(f"not the text of a yard: {text[:80]!r}")
        return yard

    @property
    def wagons(self) -> str:
        """The wagons that stand in the yard, in alphabetical order."""
        return "".join(sorted("".join(self.tracks)))

    def fault(self) -> str | None:
        """Why no yard can stand like this, in one sentence; None when it can."""
        if len(self.tracks) != TRACKS:
            return f"This yard has {TRACKS} tracks, not {len(self.tracks)}."
        every = "".join(self.tracks)
        for wagon in every:
            if wagon not in WAGONS:
                return f"There is no wagon {wagon} here: the wagons are {', '.join(WAGONS[:-1])} and {WAGONS[-1]}."
            if every.count(wagon) > 1:
                return f"Wagon {wagon} cannot stand in two places at once."
        for number, wagons in enumerate(self.tracks, 1):
            if len(wagons) > CAPACITY:
                return f"Track {number} holds at most {CAPACITY} wagons, not {len(wagons)}."
        return None

    def forbids(self, move: Move) -> str | None:
        """Why a move is not allowed: `empty` (nothing stands on its source) or `full` (its target); None when it is.

        Where both hold, `empty` is told.
        """
        if not self.tracks[move.source]:
            return "empty"
        return "full" if len(self.tracks[move.target]) >= CAPACITY else None

    def after(self, move: Move) -> Yard:
        """The state after an allowed move. Raises ValueError for one that is not."""
        if (why := self.forbids(move)) is not None:
            raise ValueError(f"{move} is not allowed: {why}")
        tracks = list(self.tracks)
        wagon = tracks[move.source][-1]
        tracks[move.source] = tracks[move.source][:-1]
        tracks[move.target] += wagon
        return Yard(tuple(tracks))

    def where(self, wagon: str) -> int | None:
        """The track on which a wagon stands; None when it is not here."""
        return next((track for track, wagons in enumerate(self.tracks) if wagon in wagons), None)
