"""Tofy: the encoder reads the user's prompt, the transition imagines the state after the reply, the decoder replies.

What the decoder is told, and what comes where, follows the contract of Tofy's server; the wording is this project's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from router.backends.contract import BackendError
from router.backends.llama.text import Text
from router.backends.world.decoder import Decoder
from router.backends.world.hearing import GULP, Hearing, Listener
from router.backends.world.question import Question
from router.backends.world.settings import Settings
from router.backends.world.speaker import Spoken
from router.world.condition import LeakFilter, as_text
from router.world.files import WorldError
from router.world.model import Imagined, WorldModel
from router.world.prefix import Prefix

__all__ = ["TofySpeaker"]

ACTION = "reply"
NEXT_TURN = "\nUser:"
WHO = (
    "You are Tofy, a world-model agent of the JEPA kind. Before you say anything, an encoder has read the user's "
    f"message as a state, and a learned transition has imagined the state that follows your action `{ACTION}`. "
)
BY_TEXT = (
    "The user's message comes with that imagined state, as numbers. Let it steer you without a word about it: never "
    "repeat a number of it. Answer the user directly, in plain words."
)
BY_PREFIX = "You have read that imagined state already, before these words. Answer the user directly, in plain words."


class TofySpeaker:
    """A checkpoint, its vocabulary, and any GGUF as decoder."""

    def __init__(self, settings: Settings):
        """Raises WorldError."""
        if settings.checkpoint is None or settings.vocabulary is None:
            raise WorldError(f"{settings.name} has no checkpoint with a vocabulary.")
        if settings.decoder is None:
            raise WorldError(
                f"{settings.name} has no decoder: none is named, and no *.gguf is in models/ or one folder deeper."
            )
        self._settings = settings
        self._world = WorldModel.load(
            Path(settings.checkpoint), Path(settings.vocabulary), heads=settings.heads, max_seq=settings.max_seq
        )
        self._decoder = decoder = Decoder(
            Path(settings.decoder),
            parallel=settings.parallel,
            n_ctx=settings.n_ctx,
            n_gpu_layers=settings.n_gpu_layers,
            n_threads=settings.n_threads,
        )
        self.crowd, self._template = decoder.crowd, decoder.template
        try:
            self._takes_system = self._renders_system()
            self._prefix = (
                Prefix.load(settings.projection, bridge=self._world.bridge, n_embd=decoder.width)
                if settings.conditioning == "prefix" and settings.projection is not None
                else None
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all speeches and free the memory."""
        self._decoder.close()

    def speak(self, question: Question, listener: Listener, spoken: Spoken) -> Iterator[str]:
        """The decoder's reply. Raises BackendError."""
        imagined = self._world.imagine(question.prompt, ablate=question.ablate)
        condition = as_text(imagined.conditioning, self._settings.condition_format)
        if question.world:
            spoken.world = _told(imagined, condition, question.ablate)
        request = question.request
        limit = self._settings.max_tokens if request.max_tokens is None else request.max_tokens
        hearing = listener.hear(
            self.prompt(question, condition),
            limit=limit,
            prefix=None if self._prefix is None else self._prefix.project(imagined.conditioning),
            sampling=request.sampling,
            every=GULP if request.stream else 10 * GULP,
        )
        leaks = LeakFilter(condition)
        text = Text((*request.stops, *self._template.stops, NEXT_TURN))
        for piece in self._pieces(hearing, text, spoken):
            if shown := leaks.feed(piece):
                yield shown
        if shown := leaks.feed(text.close()) + leaks.close():
            yield shown
        self._count(hearing, listener, spoken)

    def prompt(self, question: Question, condition: str) -> list[int]:
        """What the decoder reads: who it is, then the imagined state as text, then the user's words.

        What is the same for all requests stands first: it is computed once and shared between them.
        """
        told = question.prompt if self._prefix is not None else f"Imagined state: {condition}\n\n{question.prompt}"
        return self._decoder.tokens(self._template.render({**question.request.data, "messages": self._messages(told)}))

    def _count(self, hearing: Hearing, listener: Listener, spoken: Spoken) -> None:
        tally = spoken.tally
        tally.reason = hearing.reason
        tally.prompt_tokens, tally.cached_tokens = listener.prompt_tokens, listener.cached_tokens
        tally.prompt_seconds, tally.seconds = listener.prompt_seconds, listener.seconds

    def _messages(self, told: str) -> list[dict[str, Any]]:
        who = WHO + (BY_TEXT if self._prefix is None else BY_PREFIX)
        if self._takes_system:
            return [{"role": "system", "content": who}, {"role": "user", "content": told}]
        return [{"role": "user", "content": f"{who}\n\n{told}"}]

    def _pieces(self, hearing: Hearing, text: Text, spoken: Spoken) -> Iterator[str]:
        """Text that is certain; a stop sequence ends it, and of what was drawn beyond it nothing counts."""
        piece_of = self._decoder.model.piece
        for tokens in hearing:
            piece = ""
            for token in tokens:
                spoken.tally.completion_tokens += 1
                piece += text.feed(piece_of(token))
                if text.stopped:
                    break
            if piece:
                yield piece
            if text.stopped:
                hearing.stop()
                return

    def _renders_system(self) -> bool:
        """Whether the file's template has a place for a system message: some refuse it, some leave it out."""
        messages = [{"role": "system", "content": WHO}, {"role": "user", "content": "."}]
        try:
            return WHO.strip() in self._template.render({"messages": messages})
        except BackendError:
            return False


def _told(imagined: Imagined, condition: str, ablated: bool) -> dict[str, Any]:
    return {
        "action": ACTION,
        "tokens": imagined.length,
        "predicted_distance": float(np.linalg.norm(imagined.next_latent - imagined.latent)),
        "condition": condition,
        "ablated": ablated,
    }
