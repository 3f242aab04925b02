"""Log probabilities of the tokens of an answer, in OpenAI's two shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from router.backends.llama.model import Model

__all__ = ["Logprobs"]


class Logprobs:
    """Collects them token by token. They are the model's own, before temperature, penalties and grammar."""

    __slots__ = ("_chat", "_model", "_offset", "_rows", "_top")

    def __init__(self, model: Model, *, chat: bool, top: int):
        self._model = model
        self._chat = chat
        self._top = top
        self._offset = 0
        self._rows: list[tuple[str, bytes, float, list[tuple[bytes, float]]]] = []

    def add(self, logits: npt.NDArray[np.float32], token: int) -> None:
        """The logits from which `token` was drawn."""
        peak = float(logits.max())
        total = peak + float(np.log(np.exp(logits - peak, dtype=np.float64).sum()))
        best: list[tuple[bytes, float]] = []
        if self._top:
            order = np.argpartition(logits, -self._top)[-self._top :]
            order = order[np.argsort(-logits[order])]
            best = [(self._model.piece(int(other)), float(logits[other]) - total) for other in order]
        piece = self._model.piece(token)
        self._rows.append((piece.decode("utf-8", "replace"), piece, float(logits[token]) - total, best))

    @property
    def waiting(self) -> bool:
        """There are some that `take` has not given out."""
        return bool(self._rows)

    def take(self) -> dict[str, Any]:
        """Those of the tokens since the last call."""
        rows, self._rows = self._rows, []
        if self._chat:
            return {"content": [_chat_entry(*row) for row in rows], "refusal": None}
        offsets = []
        for text, *_ in rows:
            offsets.append(self._offset)
            self._offset += len(text)
        return {
            "tokens": [row[0] for row in rows],
            "token_logprobs": [row[2] for row in rows],
            "top_logprobs": [{p.decode("utf-8", "replace"): value for p, value in row[3]} for row in rows],
            "text_offset": offsets,
        }


def _chat_entry(text: str, piece: bytes, value: float, best: list[tuple[bytes, float]]) -> dict[str, Any]:
    top = [_entry(other, other_value) for other, other_value in best]
    return {"token": text, "logprob": value, "bytes": list(piece), "top_logprobs": top}


def _entry(piece: bytes, value: float) -> dict[str, Any]:
    return {"token": piece.decode("utf-8", "replace"), "logprob": value, "bytes": list(piece)}
