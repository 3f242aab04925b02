"""A context of llama.cpp for several sequences at once: batches go in, logits come out."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from router.backends.llama.batch import Batch
from router.backends.llama.file import GgufError
from router.backends.llama.library import abort_on, library, said
from router.backends.llama.model import Model

__all__ = ["ABORTED", "NO_ROOM", "SharedContext"]

NO_ROOM, ABORTED = 1, 2
"""Codes of `llama_decode`; below zero is a fault."""
MOST = 512
"""Positions in one batch."""
_F32 = 0


class SharedContext:
    """Used by one thread. `abort` may be called from any other."""

    def __init__(self, model: Model, *, sequences: int, n_ctx: int, n_threads: int, n_threads_batch: int, exact: bool):
        """Reserve memory for that many sequences of `n_ctx` positions. Raises GgufError when there is not enough.

        `exact`: keys and values are kept as float32 and flash attention, which rounds them, is off.
        """
        lib = self.lib = library()
        self.model = model
        self._flag = ctypes.create_string_buffer(2)
        params = lib.llama_context_default_params()
        params.n_ctx = sequences * n_ctx
        params.n_seq_max = sequences
        # One cache for all: a beginning is shared without a copy, and sequences of unequal lengths fit one batch.
        params.kv_unified = True
        params.n_batch = params.n_ubatch = self.capacity = min(MOST, params.n_ctx)
        params.n_outputs_max = sequences
        params.n_threads = n_threads
        params.n_threads_batch = n_threads_batch
        if exact:
            params.flash_attn_type = 0
            params.type_k = params.type_v = _F32
        params.abort_callback, params.abort_callback_data = abort_on(self._flag)
        self.handle = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            reason = said() or "no reason given"
            raise GgufError(f"does not fit: no memory for {sequences} sequences of {n_ctx} tokens ({reason})")
        self.memory = lib.llama_get_memory(self.handle)
        self._address = _addresses(lib)
        self._sequences = sequences
        self._at: int | None = None
        self._logits = np.empty((0, model.n_vocab), np.float32)

    def close(self) -> None:
        """Free the memory. Nothing may be computing."""
        if self.handle:
            self.lib.llama_free(self.handle)
            self.handle = None

    def abort(self) -> None:
        """What is computed now ends at the next node of its graph with ABORTED, and so does all until `resume`."""
        self._flag[0] = b"\x01"

    def resume(self) -> None:
        """Compute again."""
        self._flag[0] = b"\x00"

    def decode(self, batch: Batch) -> int:
        """Compute the batch: 0, or a code. After a code, what the batch held may be there or not."""
        return int(self.lib.llama_decode(self.handle, batch.struct))

    def logits(self, rows: int) -> npt.NDArray[np.float32]:
        """[rows, n_vocab]: one row for each output of the last batch, in its order; the next `decode` overwrites it."""
        at = self._address(self.handle)
        if at != self._at:
            # llama.cpp keeps room for a row of each sequence, and moves only when that is too little.
            array = ctypes.c_float * (self._sequences * self.model.n_vocab)
            self._logits = np.ctypeslib.as_array(array.from_address(at)).reshape(self._sequences, -1)
            self._at = at
        return self._logits[:rows]

    def copy(self, source: int, target: int, length: int) -> None:
        """The first `length` positions of one sequence become another's too. The other must be empty."""
        self.lib.llama_memory_seq_cp(self.memory, source, target, 0, length)

    def cut(self, sequence: int, length: int) -> bool:
        """Keep the first `length` positions of a sequence. False, and nothing kept, where a model cannot go back."""
        if self.lib.llama_memory_seq_rm(self.memory, sequence, length, -1):
            return True
        self.lib.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        return False

    def held(self, sequence: int) -> int:
        """Positions of a sequence that are in the cache."""
        return int(self.lib.llama_memory_seq_pos_max(self.memory, sequence)) + 1


def _addresses(lib: Any) -> Any:
    """`llama_get_logits` as a number: llama-cpp-python's makes a pointer object, which costs more than the argmax."""
    function = lib._lib["llama_get_logits"]
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    return function
