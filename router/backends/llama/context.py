"""One context of llama.cpp: the tokens it has computed, and the numbers that come out."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from router.backends.contract import BackendError
from router.backends.llama.file import GgufError
from router.backends.llama.library import abort_on, library, said
from router.backends.llama.model import Model

__all__ = ["Context", "Stopped"]

BATCH = 512
"""Prompt tokens per call of llama.cpp: between two of them a cancelled request stops, wherever it computes."""
_ABORTED = 2
_POOLING = {"none": 0, "mean": 1, "rank": 4}


class Stopped(Exception):
    """The request was cancelled."""


class Context:
    """Computes for one request at a time, in whatever thread. `cancel()` may be called from any other."""

    def __init__(self, model: Model, n_ctx: int, n_threads: int, n_threads_batch: int, *, embeddings: bool):
        """Reserve memory for `n_ctx` tokens. Raises GgufError when there is not enough."""
        lib = self.lib = library()
        self.model = model
        self.n_ctx = n_ctx
        self.tokens: list[int] = []
        """What stands in the KV cache."""
        self._flag = ctypes.create_string_buffer(2)
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_threads = n_threads
        params.n_threads_batch = n_threads_batch
        # An encoder looks at its whole input at once: it must fit one batch, or llama.cpp aborts.
        params.n_batch = n_ctx if embeddings else min(BATCH, n_ctx)
        params.n_ubatch = params.n_batch
        params.embeddings = embeddings
        if embeddings and not model.file.pooling:
            params.pooling_type = _POOLING["mean"]
        params.abort_callback, params.abort_callback_data = abort_on(self._flag)
        self.handle = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise GgufError(f"does not fit: no memory for a context of {n_ctx} tokens ({said() or 'no reason given'})")
        self.memory = lib.llama_get_memory(self.handle)

    def close(self) -> None:
        """Free the memory. Nothing may be computing."""
        if self.handle:
            self.lib.llama_free(self.handle)
            self.handle = None

    def cancel(self) -> None:
        """Whatever is computed now ends at the next node of its graph, and what follows raises Stopped."""
        self._flag[0] = b"\x01"

    def begin(self) -> None:
        """A new request: cancellations up to now are not meant for it."""
        self._flag[0] = b"\x00"

    def shared(self, prompt: list[int]) -> int:
        """How many tokens at the beginning of `prompt` are computed already."""
        count = 0
        for have, want in zip(self.tokens, prompt, strict=False):
            if have != want:
                break
            count += 1
        return count

    def prompt(self, prompt: list[int]) -> int:
        """Compute `prompt`, less what is there already: the number of tokens that were. Raises Stopped, BackendError.

        At least its last token is computed, because the logits come from it.
        """
        kept = min(self.shared(prompt), len(prompt) - 1)
        if kept < len(self.tokens):
            if kept and not self.lib.llama_memory_seq_rm(self.memory, 0, kept, -1):
                kept = 0  # a recurrent model cannot go back part of the way
            if not kept:
                self.lib.llama_memory_clear(self.memory, True)
            del self.tokens[kept:]
        for start in range(kept, len(prompt), BATCH):
            self.add(prompt[start : start + BATCH])
        return kept

    def add(self, tokens: list[int]) -> None:
        """Compute at most BATCH further tokens. Raises Stopped, BackendError."""
        if self._flag[0] != b"\x00":
            raise Stopped
        rc = self._decode(tokens)
        if rc:
            self._forget()
            if rc == _ABORTED:
                raise Stopped
            raise BackendError("broken", f"llama.cpp could not compute (code {rc}): {said() or 'it gives no reason'}")
        self.tokens += tokens

    def logits(self) -> npt.NDArray[np.float32]:
        """The logits after the last token, one per token of the vocabulary: a view that the next `add` overwrites."""
        row = self.lib.llama_get_logits_ith(self.handle, -1)
        return np.ctypeslib.as_array(row, shape=(self.model.n_vocab,))

    def embed(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """The pooled embedding of `tokens`, of length 1. Raises Stopped, BackendError."""
        if self.memory:
            self.lib.llama_memory_clear(self.memory, True)
        self.tokens = []
        self.add(tokens)
        vector = np.ctypeslib.as_array(self.lib.llama_get_embeddings_seq(self.handle, 0), shape=(self.model.n_embd,))
        norm = float(np.linalg.norm(vector))
        return (vector / (norm or 1.0)).astype(np.float32)

    def _decode(self, tokens: list[int]) -> int:
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        batch: Any = self.lib.llama_batch_get_one(array, len(tokens))
        return int(self.lib.llama_decode(self.handle, batch))

    def _forget(self) -> None:
        """After a call that did not end well: what it has left behind in the cache is thrown away."""
        if self.memory and not self.lib.llama_memory_seq_rm(self.memory, 0, len(self.tokens), -1):
            self.lib.llama_memory_clear(self.memory, True)
            self.tokens = []
