"""llama.cpp's batch over arrays that live as long as the context: filled by numpy, no object made per token."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from router.backends.llama.embeddings import Embeddings
from router.backends.llama.library import library

__all__ = ["Batch"]


class Batch:
    """Positions of several sequences for one `llama_decode`, either as token ids or as embedding rows."""

    def __init__(self, capacity: int, *, width: int | None = None, table: Embeddings | None = None):
        """Room for `capacity` positions. With a `width` they are rows of that many floats, and `table` holds the
        tokens' rows; without, they are token ids."""
        self.capacity = capacity
        self.size = 0
        """Positions in it."""
        self._table = table
        self._tokens = np.zeros(capacity if width is None else 0, np.int32)
        self._rows = np.zeros((capacity if width is not None else 0, width or 0), np.float32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._outputs = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        first = self._sequences.ctypes.data
        self._pointers = np.arange(first, first + 4 * capacity, 4, dtype=np.uintp)
        lib = library()
        self.struct: Any = lib.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32) if width is None else None,
            embd=_pointer(self._rows, ctypes.c_float) if width is not None else None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._ones, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )
        """What `llama_decode` takes."""

    def clear(self) -> None:
        """Begin a new one."""
        self.size = self.struct.n_tokens = 0

    def speak(self, sequences: list[int], positions: list[int], tokens: list[int]) -> None:
        """Add one token to each of several sequences; logits come out of each."""
        place = self._take(len(tokens))
        self._put(place, tokens)
        self._positions[place] = positions
        self._sequences[place] = sequences
        self._outputs[place] = 1

    def piece(
        self, sequence: int, start: int, rows: npt.NDArray[np.float32] | None, tokens: list[int], *, last: bool
    ) -> None:
        """Add positions of one sequence from `start` on: `rows` first, then `tokens`. `last`: logits come out of the
        last of them."""
        k = 0 if rows is None else len(rows)
        place = self._take(k + len(tokens))
        begin, end = place.start, place.stop
        if rows is not None:
            self._rows[begin : begin + k] = rows
        if tokens:
            self._put(slice(begin + k, end), tokens)
        self._positions[place] = np.arange(start, start + end - begin)
        self._sequences[place] = sequence
        self._outputs[place] = 0
        if last:
            self._outputs[end - 1] = 1

    def _take(self, count: int) -> slice:
        start = self.size
        self.size = self.struct.n_tokens = start + count
        if self.size > self.capacity:
            raise ValueError(f"a batch for {self.capacity} positions was given {self.size}")  # llama.cpp would abort
        return slice(start, self.size)

    def _put(self, place: slice, tokens: list[int]) -> None:
        if self._table is not None:
            self._table.read(tokens, self._rows[place])
        else:
            self._tokens[place] = tokens


def _pointer(array: npt.NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
