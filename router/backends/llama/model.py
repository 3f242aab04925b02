"""The weights and the vocabulary of one GGUF file, shared by all contexts that compute with them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from router.backends.llama.file import GgufError, GgufFile
from router.backends.llama.library import library, loading, said

__all__ = ["Model"]

ALL_LAYERS = 0x7FFFFFFF


class Model:
    """A loaded model. Safe to use from several threads; `close()` after the last context."""

    def __init__(self, file: GgufFile, n_gpu_layers: int, stop: Callable[[], bool]):
        """Load `file`, until `stop()` says that nobody wants it any more. Raises GgufError."""
        lib = self.lib = library()
        self.file = file
        params = lib.llama_model_default_params()
        params.n_gpu_layers = ALL_LAYERS if n_gpu_layers < 0 else n_gpu_layers
        progress = lib.llama_progress_callback(lambda _share, _data: not stop())
        params.progress_callback = progress
        with loading:
            said()
            self.handle = lib.llama_model_load_from_file(str(file.path).encode(), params)
            errors = said()
        if not self.handle:
            raise GgufError(f"was refused by llama.cpp: {errors or 'it gives no reason'}")
        self.vocab = lib.llama_model_get_vocab(self.handle)
        self.n_vocab = int(lib.llama_vocab_n_tokens(self.vocab))
        self.n_embd = int(lib.llama_model_n_embd_out(self.handle))
        self.bos = self._text(lib.llama_vocab_bos(self.vocab))
        self.eos = self._text(lib.llama_vocab_eos(self.vocab))
        self.adds_bos = bool(lib.llama_vocab_get_add_bos(self.vocab))
        self._bos_token = int(lib.llama_vocab_bos(self.vocab))
        self._pieces: dict[int, bytes] = {}

    def close(self) -> None:
        """Free the memory. No context may be alive."""
        if self.handle:
            self.lib.llama_model_free(self.handle)
            self.handle = None

    @property
    def fill_in(self) -> tuple[int, int, int] | None:
        """Tokens that stand before the prefix, the suffix and the middle of a text with a gap; None without."""
        lib, vocab = self.lib, self.vocab
        tokens = (lib.llama_vocab_fim_pre(vocab), lib.llama_vocab_fim_suf(vocab), lib.llama_vocab_fim_mid(vocab))
        return tokens if min(tokens) >= 0 else None

    def beginning(self) -> list[int]:
        """What the model wants before any text: its BOS token, where the file says so."""
        return [self._bos_token] if self.adds_bos and self._bos_token >= 0 else []

    def tokenize(self, text: str, *, special: bool, wrap: bool = False) -> list[int]:
        """Tokens of `text`. `special`: names of control tokens in it become these tokens; `wrap`: the tokens that the
        file wants around a whole text (BOS, EOS) are added."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        while True:
            tokens = (ctypes.c_int32 * size)()
            count = self.lib.llama_tokenize(self.vocab, data, len(data), tokens, size, wrap, special)
            if count >= 0:
                return tokens[:count]
            size = -count

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; empty for a control token."""
        known = self._pieces.get(token)
        if known is None:
            size = 64
            buffer = ctypes.create_string_buffer(size)
            length = self.lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, False)
            if length < 0:
                size = -length
                buffer = ctypes.create_string_buffer(size)
                length = self.lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, False)
            known = self._pieces[token] = buffer.raw[: max(0, length)]
        return known

    def ends(self, token: int) -> bool:
        """True for a token that ends an answer."""
        return bool(self.lib.llama_vocab_is_eog(self.vocab, token))

    def _text(self, token: int) -> str:
        """The name of a token as templates write it; empty when the vocabulary has no such token."""
        if token < 0:
            return ""
        name: Any = self.lib.llama_vocab_get_text(self.vocab, token)
        return name.decode("utf-8", "replace") if name else ""
