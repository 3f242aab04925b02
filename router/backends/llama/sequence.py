"""One sequence of a shared context: what of it is computed, and whose speech it is."""

from __future__ import annotations

from time import perf_counter
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from router.backends.llama.sampler import Sampler
from router.backends.llama.speech import Speech

__all__ = ["Sequence"]

T = TypeVar("T", list[int], bytes)


class Sequence:
    """Rows of a prefix, then tokens. The first `length` of these positions are computed."""

    __slots__ = (
        "_bytes",
        "_none",
        "began",
        "first",
        "length",
        "number",
        "prefix",
        "sampler",
        "speech",
        "started",
        "tokens",
    )

    def __init__(self, number: int, width: int):
        self.number = number
        """llama.cpp's `seq_id`."""
        self.prefix: npt.NDArray[np.float32] = np.empty((0, width), np.float32)
        self.tokens: list[int] = []
        self.length = 0
        self.speech: Speech | None = None
        """None while it is idle."""
        self.started = False
        """What it holds belongs to its speech, and no longer to the one before."""
        self.sampler: Sampler | None = None
        """None for a greedy speech."""
        self.began = 0.0
        self.first = 0.0
        """When the first token was drawn; 0 before."""
        self._none = self.prefix
        self._bytes = b""

    @property
    def size(self) -> int:
        """Positions that are known, computed or not."""
        return len(self.prefix) + len(self.tokens)

    def common(self, prefix: bytes, row: int, tokens: list[int]) -> int:
        """Positions at its beginning that equal a prefix, of `row` bytes each, and the tokens after it."""
        if self._bytes != prefix:
            # Where one prefix ends the other goes on with a row, which is no token.
            return _common(self._bytes, prefix, row)
        return len(self.prefix) + _common(self.tokens, tokens)

    def start(self, speech: Speech, kept: int) -> None:
        """Begin to compute a speech of which `kept` positions are there already."""
        self.prefix = speech.prefix if speech.prefix is not None else self._none
        self._bytes = speech.prefix_bytes
        self.tokens = list(speech.prompt)
        self.length = speech.cached = kept
        self.started = True

    def leave(self) -> None:
        """The speech has ended."""
        now = perf_counter()
        if self.speech is not None:
            first = self.first or now
            self.speech.prompt_seconds, self.speech.seconds = first - self.began, now - first
        if self.sampler is not None:
            self.sampler.close()
        self.speech, self.sampler, self.started, self.first = None, None, False, 0.0


def _common(a: T, b: T, unit: int = 1) -> int:
    """How many units the beginning has that both share: whole slices are compared, because Python does that in C."""
    high = min(len(a), len(b)) // unit
    if a[: high * unit] == b[: high * unit]:
        return high
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if a[low * unit : middle * unit] == b[low * unit : middle * unit]:
            low = middle
        else:
            high = middle
    return low
