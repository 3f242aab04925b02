"""The embedded yard: users' words become a state, the model imagines what moves make of it, its decoder says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from router.backends.world.decoder import Decoder
from router.backends.world.hearing import GULP, Listener
from router.backends.world.question import Question
from router.backends.world.settings import Settings
from router.backends.world.speaker import Spoken
from router.backends.world.voice import CrowdVoice
from router.world.yard.answer import Told, answer
from router.world.yard.model import DECODER, SHIPPED, YardModel
from router.world.yard.reading import read_conversation

__all__ = ["N_CTX", "YardSpeaker"]

N_CTX = 256
"""Positions of one speech: its prefix and the text of a state have some hundred; llama.cpp rounds up to this."""


class YardSpeaker:
    """The trained files of one folder. Its answers are whole sentences: of a request's fields that steer a decoder,
    none is looked at."""

    def __init__(self, settings: Settings, folder: Path = SHIPPED):
        """Raises WorldError."""
        self.yard = YardModel.load(folder)
        self._decoder = Decoder(
            folder / DECODER,
            parallel=settings.parallel,
            n_ctx=N_CTX,
            n_gpu_layers=0,
            n_threads=settings.n_threads or 1,
        )
        self.crowd = self._decoder.crowd

    def close(self) -> None:
        """End all speeches and free the memory."""
        self._decoder.close()

    def speak(self, question: Question, listener: Listener, spoken: Spoken) -> Iterator[str]:
        """The answer to the user's latest turn, which may go on from states said before. Raises BackendError."""
        voice = CrowdVoice(self.crowd, self._decoder.model, listener, every=GULP if question.request.stream else None)
        told = Told()
        reading = read_conversation(list(question.turns))
        yield from answer(self.yard, voice, reading, told=told, ablate=question.ablate)
        tally = spoken.tally
        tally.prompt_tokens = listener.prompt_tokens + len(self.yard.vocabulary.tokens(question.prompt))
        tally.cached_tokens, tally.completion_tokens = listener.cached_tokens, listener.tokens
        tally.prompt_seconds, tally.seconds = listener.prompt_seconds, listener.seconds
        if question.world:
            spoken.world = asdict(told)
