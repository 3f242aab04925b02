"""Speeches for a crowd and what became of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router.backends.contract import BackendError
from router.backends.llama.crowd import Crowd
from router.backends.llama.file import read
from router.backends.llama.model import Model
from router.backends.llama.speech import Speech

__all__ = ["Heard", "crowd", "prefix", "prompt", "together"]

PATIENCE = 30


class Heard:
    """One speech, the tokens it gave, and how it ended."""

    def __init__(self, tokens: list[int], *, limit: int = 24, take: Callable[[int], bool] | None = None, **more: Any):
        self.said: list[int] = []
        self.reasons: list[str | BackendError] = []
        self._take = take
        self._over = threading.Event()
        self.speech = Speech(tokens, limit=limit, take=self._hear, done=self._done, **more)

    def end(self) -> str | BackendError:
        """Wait for the end; how it was."""
        assert self._over.wait(PATIENCE), "the speech never ended"
        return self.reasons[0]

    def _hear(self, token: int) -> bool:
        self.said.append(token)
        return self._take is None or self._take(token)

    def _done(self, reason: str | BackendError) -> None:
        self.reasons.append(reason)
        self._over.set()


@contextmanager
def crowd(path: Path, **settings: Any) -> Iterator[Crowd]:
    """A crowd that computes exactly, and is closed in the end."""
    model = Model(read(path), 0, lambda: False)
    given = {"parallel": 4, "n_ctx": 256, "n_threads": 1, "n_threads_batch": 1, "exact": True, **settings}
    made = Crowd(model, **given)
    try:
        yield made
    finally:
        made.close()
        model.close()


def together(made: Crowd, speeches: list[Heard]) -> list[list[int]]:
    """Say all at once and wait for all: their tokens."""
    for one in speeches:
        made.say(one.speech)
    for one in speeches:
        assert isinstance(one.end(), str), one.reasons
    return [one.said for one in speeches]


def prompt(seed: int, length: int = 6) -> list[int]:
    """BOS and random words."""
    return [1, *np.random.default_rng(seed).integers(300, 390, length).tolist()]


def prefix(seed: int, rows: int = 8, width: int = 96) -> npt.NDArray[np.float32]:
    """Rows of the size of token embeddings."""
    return np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
