"""Who answers in the child process: a Tofy, or the embedded yard. Both speak through a crowd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from router.backends.llama.crowd import Crowd
from router.backends.world.hearing import Listener
from router.backends.world.question import Question
from router.backends.world.settings import Settings
from router.backends.world.tally import Tally

__all__ = ["Speaker", "Spoken", "open_speaker"]


@dataclass(slots=True)
class Spoken:
    """What is known of an answer when it has been spoken."""

    tally: Tally = field(default_factory=Tally)
    world: dict[str, Any] | None = None
    """What the model imagined, for the answer's extension field."""


class Speaker(Protocol):
    """Loaded. Its methods may be called from several threads."""

    crowd: Crowd

    def speak(self, question: Question, listener: Listener, spoken: Spoken) -> Iterator[str]:
        """The answer's text, piece by piece; `spoken` is filled when it ends. Raises BackendError."""

    def close(self) -> None:
        """End all speeches and free the memory."""


def open_speaker(settings: Settings) -> Speaker:
    """Load what the settings name. Raises WorldError; ImportError, OSError or RuntimeError without llama.cpp."""
    if settings.checkpoint is None:
        from router.backends.world.yard import YardSpeaker

        return YardSpeaker(settings)
    from router.backends.world.tofy import TofySpeaker

    return TofySpeaker(settings)
