"""What one request has learned at one backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from router.attempts.failure import Failure
from router.backends.contract import Call
from router.repair.lessons import TEACHING
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
    _unsure: tuple[bytes, Needs] | None = None
    """The last lesson and the error that taught it, until it is known whether it helped."""

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
        self.settle(error)
        if self._lessons >= MOST_LESSONS or (lesson := self.repairs.lesson(status, error, call.data)) is None:
            return False
        self._lessons += 1
        self.needs |= lesson.needs
        self.room = lesson.room if lesson.room is not None else self.room
        self._unsure = (error, lesson.needs) if lesson.lasting else None
        return True

    def settle(self, error: bytes = b"") -> None:
        """The next answer has come: the last lesson is kept for others, unless the same error came again."""
        if self._unsure is not None and self._unsure[0] != error:
            self.repairs.remember(self.model, self._unsure[1])
        self._unsure = None
