"""What one request has learned at one backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from router.attempts.failure import Failure
from router.backends.contract import Call
from router.repair.lessons import TEACHING, Lesson, lessons, speaks_so
from router.repair.mend import PATHS, Mended
from router.repair.needs import NOTHING, Needs
from router.repair.repairs import Repairs

__all__ = ["AGAIN", "Taught"]

AGAIN = Failure("repaired", "its error told what it does not take of the request")
"""After which the same backend is asked again at once."""
MOST_LESSONS = 3
"""Of one request."""


@dataclass(slots=True)
class Taught:
    """Made for each candidate of a request."""

    repairs: Repairs
    model: str
    """The name that is sent to it."""
    needs: Needs = NOTHING
    """Learned by this request, beside what the backend's own repairs know."""
    room: int | None = None
    """Tokens that the prompt leaves for the answer, where the backend has said so."""
    _lessons: int = 0
    _unsure: tuple[Lesson, dict[str, Any]] | None = None
    """The last lesson and the request that was refused, until it is known whether it helped."""

    def all_needs(self) -> Needs:
        """With what the backend's own repairs know; NOTHING, mostly."""
        needs = self.repairs.needs(self.model)
        return needs if self.needs is NOTHING else needs | self.needs

    def mended(self, data: dict[str, Any], needs: Needs, tokens: Callable[[], int]) -> Mended:
        """What differs when it is sent this body."""
        return self.repairs.mended(data, needs, tokens, self.room)

    def by(self, status: int, error: bytes, call: Call) -> bool:
        """An error has come: does it tell how to change the request?"""
        if status not in TEACHING or call.path not in PATHS:
            return False
        if self._unsure is not None and any(self._unsure[0].needs == each.needs for each in lessons(status, error)):
            self._unsure = None  # it did not help: the error says the same again
        self.settle()
        if self._lessons >= MOST_LESSONS or (lesson := self.repairs.lesson(status, error, call.data)) is None:
            return False
        self._lessons += 1
        self.needs |= lesson.needs
        self.room = lesson.room if lesson.room is not None else self.room
        self._unsure = lesson, call.data
        return True

    def settle(self) -> None:
        """The next answer has come, and the last lesson has helped: it is kept for others, but for one that speaks of
        this request only, or may be its own words."""
        if self._unsure is not None:
            lesson, data = self._unsure
            if not lesson.once and not speaks_so(data):
                self.repairs.remember(self.model, lesson.needs)
        self._unsure = None
