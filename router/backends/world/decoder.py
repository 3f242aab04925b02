"""The GGUF that speaks: its weights, its chat template, and one context in which all answers are computed together."""

from __future__ import annotations

from pathlib import Path

from router.backends.llama.crowd import Crowd
from router.backends.llama.file import GgufError, read
from router.backends.llama.model import Model
from router.backends.llama.prompt import ChatTemplate
from router.backends.llama.threads import threads
from router.world.files import WorldError

__all__ = ["Decoder"]


class Decoder:
    """Loaded, and ready to speak `parallel` answers at once."""

    def __init__(self, path: Path, *, parallel: int, n_ctx: int, n_gpu_layers: int, n_threads: int):
        """`n_ctx` is never more than the model was trained with; `n_threads` 0: as fits it. Raises WorldError."""
        try:
            file = read(path)
            self.n_ctx = min(n_ctx, file.context or n_ctx)
            self.model = Model(file, n_gpu_layers, lambda: False)
            one, many = (n_threads, n_threads) if n_threads else threads(self.model)
            try:
                self.template = ChatTemplate(file.chat_template, self.model.bos, self.model.eos)
                self.crowd = Crowd(self.model, parallel=parallel, n_ctx=self.n_ctx, n_threads=one, n_threads_batch=many)
            except BaseException:
                self.model.close()
                raise
        except GgufError as error:
            raise WorldError(f"{path} {error}.") from None
        self.width = int(self.model.lib.llama_model_n_embd_inp(self.model.handle))
        """Of the embeddings that it reads."""

    def close(self) -> None:
        """End what is spoken, and free the memory."""
        self.crowd.close()
        self.model.close()

    def tokens(self, text: str) -> list[int]:
        """Tokens of a whole prompt, with the beginning that the model wants."""
        named = self.model.bos != "" and text.startswith(self.model.bos)
        return ([] if named else self.model.beginning()) + self.model.tokenize(text, special=True)
