"""Tokens on their way from a crowd's thread to the thread of the request that waits for them.

The crowd's thread computes for all, so it does next to nothing for one: a token is appended to a list, and the request
is woken for a gulp of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from time import monotonic

import numpy as np
import numpy.typing as npt

from router.backends.contract import BackendError
from router.backends.llama.crowd import Crowd
from router.backends.llama.request import Sampling
from router.backends.llama.speech import GREEDY, Speech

__all__ = ["GULP", "Hearing", "Listener"]

GULP = 0.005
"""Seconds between two gulps: below what an eye sees, above what a small model needs for dozens of tokens."""


class Hearing:
    """One speech as it is heard: iterate over it once, for lists of tokens, in the request's own thread."""

    __slots__ = ("_due", "_ended", "_every", "_gulp", "_queue", "reason", "speech")

    def __init__(
        self,
        prompt: list[int],
        *,
        limit: int,
        prefix: npt.NDArray[np.float32] | None,
        sampling: Sampling,
        every: float | None,
        ended: Callable[[Hearing], None],
    ):
        """The first token comes at once and further ones every `every` seconds; None: all at the end."""
        self.speech = Speech(prompt, limit=limit, prefix=prefix, sampling=sampling, take=self._take, done=self._done)
        self.reason = ""
        """`stop`, `length` or `broken`, once it is over."""
        self._queue: SimpleQueue[list[int] | str | BackendError] = SimpleQueue()
        self._gulp: list[int] = []
        self._every = every
        self._due = 0.0 if every is not None else float("inf")
        self._ended = ended

    def __iter__(self) -> Iterator[list[int]]:
        """Raises BackendError when the speech breaks off. Whoever leaves early stops it."""
        try:
            while isinstance(came := self._queue.get(), list):
                yield came
            self._over(came)
        finally:
            self.stop()

    def stop(self) -> None:
        """No more is wanted: returns when the crowd has let go of it. Harmless after the end."""
        if self.reason:
            return
        self.speech.cancel()
        while isinstance(self._queue.get(), list):
            pass
        self._over("stop")

    def _over(self, reason: str | BackendError) -> None:
        self.reason = reason if isinstance(reason, str) else "broken"
        self._ended(self)
        if isinstance(reason, BackendError):
            raise reason

    def _take(self, token: int) -> bool:
        self._gulp.append(token)
        if self._every is not None and (now := monotonic()) >= self._due:
            self._due = now + self._every
            self._queue.put(self._gulp)
            self._gulp = []
        return True

    def _done(self, reason: str | BackendError) -> None:
        if self._gulp:
            self._queue.put(self._gulp)
            self._gulp = []
        self._queue.put(reason)


class Listener:
    """All that one request hears of a crowd: it counts, and `cancel` ends all of it from any thread."""

    def __init__(self, crowd: Crowd):
        self.crowd = crowd
        self.cancelled = False
        self.prompt_tokens = 0
        """Positions that were read before the speeches, prefixes included."""
        self.cached_tokens = 0
        """Those of them that had been computed for others."""
        self.tokens = 0
        """Drawn."""
        self.prompt_seconds = self.seconds = 0.0
        self._lock = threading.Lock()
        self._hearings: list[Hearing] = []

    def hear(
        self,
        prompt: list[int],
        *,
        limit: int,
        prefix: npt.NDArray[np.float32] | None = None,
        sampling: Sampling = GREEDY,
        every: float | None = GULP,
    ) -> Hearing:
        """Ask the crowd for a speech. Raises BackendError when the request has been cancelled."""
        hearing = Hearing(prompt, limit=limit, prefix=prefix, sampling=sampling, every=every, ended=self._ended)
        with self._lock:
            if self.cancelled:
                raise BackendError("broken", "the request was cancelled")
            self._hearings.append(hearing)
        self.crowd.say(hearing.speech)
        return hearing

    def cancel(self) -> None:
        """Any thread: nobody waits any more."""
        with self._lock:
            self.cancelled = True
            hearings = list(self._hearings)
        for hearing in hearings:
            hearing.speech.cancel()

    def _ended(self, hearing: Hearing) -> None:
        speech = hearing.speech
        with self._lock:
            self._hearings.remove(hearing)
            self.prompt_tokens += len(speech)
            self.cached_tokens += speech.cached
            self.tokens += speech.tokens
            self.prompt_seconds += speech.prompt_seconds
            self.seconds += speech.seconds
