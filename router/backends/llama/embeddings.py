"""What a model reads where a token stands: the rows of its file's `token_embd.weight`, as floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from router.backends.llama.file import GgufFile, Place

__all__ = ["Embeddings"]

PLAIN = frozenset({"llama", "mistral3", "qwen2", "qwen3"})
"""Architectures for which llama.cpp gives the first layer these rows as they are: a row decoded in a token's place is
that token. Others multiply them, or read more than the row."""
SMALL = 16 * 2**20
"""Bytes of a table that is kept as floats; of a larger one each row is converted when it is read."""

_Q8_0 = np.dtype([("scale", "<f2"), ("values", "i1", 32)])
_F32, _F16, _Q8, _BF16 = 0, 1, 8, 30
_TYPES: dict[int, tuple[np.dtype[Any], int]] = {
    _F32: (np.dtype("<f4"), 1),
    _F16: (np.dtype("<f2"), 1),
    _Q8: (_Q8_0, 32),
    _BF16: (np.dtype("<u2"), 1),
}
"""ggml's number of a type: an element as it is stored, and how many floats it makes."""


class Embeddings:
    """The rows of one file, mapped and not copied while they are many. Safe to read from several threads."""

    def __init__(self, file: GgufFile, place: Place):
        """Raises KeyError for a type without a reader; `of` is the way to ask."""
        element, floats = _TYPES[place.kind]
        self.width, self.count = place.shape
        shape = (self.count, self.width // floats)
        stored = np.memmap(file.path, element, "r", offset=place.offset, shape=shape)
        self._stored: npt.NDArray[Any] = stored.view(np.ndarray)
        self._kind = place.kind
        self._table: npt.NDArray[np.float32] | None = None
        if self.width * self.count * 4 <= SMALL:
            self._table = np.ascontiguousarray(self._floats(self._stored))

    @classmethod
    def of(cls, file: GgufFile) -> Embeddings | None:
        """Those of `file`; None where a token is more than its row, or the rows are quantised otherwise than Q8_0."""
        place = file.tensors.get("token_embd.weight")
        scale = file.metadata.get(f"{file.architecture}.embedding_scale", 0.0)
        if place is None or file.architecture not in PLAIN or scale not in (0.0, 1.0):
            return None
        if place.kind not in _TYPES or len(place.shape) != 2 or place.shape[0] % _TYPES[place.kind][1]:
            return None
        try:
            return cls(file, place)
        except (OSError, ValueError):  # the file has shrunk since its head was read
            return None

    def read(self, tokens: npt.NDArray[np.int32] | list[int], out: npt.NDArray[np.float32]) -> None:
        """Write the rows of `tokens` into `out`, [len(tokens), width]. Tokens must be in the vocabulary."""
        if self._table is not None:
            # Any mode but "raise" writes into `out` without a copy between.
            self._table.take(tokens, axis=0, out=out, mode="clip")
        else:
            out[:] = self._floats(self._stored[tokens])

    def _floats(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        if self._kind == _Q8:
            values = stored["values"].astype(np.float32) * stored["scale"].astype(np.float32)[..., None]
            return values.reshape(len(stored), self.width)
        if self._kind == _BF16:
            return (stored.astype(np.uint32) << 16).view(np.float32)
        return stored.astype(np.float32)
