"""The yard's decoder as a voice: it reads a prefix and says the state that it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from router.backends.llama.crowd import Crowd
from router.backends.llama.model import Model
from router.backends.llama.text import Text
from router.backends.world.hearing import GULP, Hearing, Listener

__all__ = ["CrowdVoice"]

MOST_TOKENS = 96
"""Of one state. The longest is said with some 25; a decoder that does not end by itself is cut off."""

Rows = npt.NDArray[np.float32]


class CrowdVoice:
    """Says states for one request, or one evaluation; voices share a crowd. Greedy: it says what is likeliest."""

    def __init__(self, crowd: Crowd, model: Model, listener: Listener | None = None, *, every: float | None = GULP):
        """`every`: seconds between two pieces of `say`, None for one piece."""
        self.listener = listener or Listener(crowd)
        self._model = model
        self._prompt = model.beginning()
        self._every = every

    def say(self, prefix: Rows | None) -> Iterator[str]:
        """The text that the decoder speaks after the rows of `prefix`, piece by piece. Raises BackendError."""
        hearing = self._hear(prefix, self._every)
        text = Text()
        for tokens in hearing:
            if piece := self._text(text, tokens):
                yield piece
        if rest := text.close():
            yield rest

    def say_all(self, prefixes: Sequence[Rows | None]) -> list[str]:
        """What `say` says for each, in the same order; all are asked of the crowd at once."""
        hearings = [self._hear(prefix, None) for prefix in prefixes]
        try:
            return [self._whole(hearing) for hearing in hearings]
        finally:
            for hearing in hearings:
                hearing.stop()

    def cancel(self) -> None:
        """Any thread: all that is being said breaks off."""
        self.listener.cancel()

    def _hear(self, prefix: Rows | None, every: float | None) -> Hearing:
        return self.listener.hear(self._prompt, limit=MOST_TOKENS, prefix=prefix, every=every)

    def _whole(self, hearing: Hearing) -> str:
        text = Text()
        return "".join(self._text(text, tokens) for tokens in hearing) + text.close()

    def _text(self, text: Text, tokens: list[int]) -> str:
        piece = self._model.piece
        return text.feed(b"".join([piece(token) for token in tokens]))
