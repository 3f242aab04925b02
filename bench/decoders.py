"""What the measurements of the world model let speak: the shipped decoder, and one of more than 100 M parameters."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.random_gguf import LARGE, write
from router.backends.contract import BackendError
from router.backends.llama.crowd import Crowd
from router.backends.llama.file import read
from router.backends.llama.model import Model
from router.backends.llama.speech import Speech
from router.world.yard.model import SHIPPED, YardModel
from router.world.yard.phrasing import canonical
from router.world.yard.state import CAPACITY, TRACKS, WAGONS

__all__ = ["Asked", "Decoder", "Spoken", "speak", "the_large", "the_shipped"]

ANSWERS, LARGE_ANSWERS = 240, 8
LARGE_PROMPT, LARGE_LIMIT = 16, 48


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer to be spoken."""

    prompt: list[int]
    prefix: npt.NDArray[np.float32] | None
    limit: int


@dataclass(frozen=True, slots=True)
class Decoder:
    """A loaded file, and what it is asked for. `trained`: its answers do not hang on the last bit of a logit."""

    title: str
    path: Path
    model: Model
    asked: list[Asked]
    trained: bool

    @contextmanager
    def crowd(self, parallel: int, **more: Any) -> Iterator[Crowd]:
        """A new one. One thread, so that what several at once gain is not a second core's."""
        given = {"n_ctx": 1024, "n_threads": 1, "n_threads_batch": 1, **more}
        made = Crowd(self.model, parallel=parallel, **given)
        try:
            yield made
        finally:
            made.close()


@dataclass(slots=True)
class Spoken:
    """One answer as it came; times in seconds since it was asked for."""

    tokens: list[int]
    first: float = 0.0
    whole: float = 0.0
    cached: int = 0
    fault: BackendError | None = None


def speak(crowd: Crowd, asked: list[Asked], at_once: int) -> tuple[list[Spoken], float]:
    """All answers, `at_once` of them asked for at any time, and the seconds that took. Raises BackendError."""
    room = threading.Semaphore(at_once)
    spoken = []
    begin = perf_counter()
    for one in asked:
        room.acquire()
        spoken.append(_say(crowd, one, room))
    for _ in range(at_once):
        room.acquire()
    took = perf_counter() - begin
    for answer in spoken:
        if answer.fault is not None:
            raise answer.fault
    return spoken, took


def _say(crowd: Crowd, one: Asked, room: threading.Semaphore) -> Spoken:
    answer = Spoken([])
    said = perf_counter()

    def take(token: int) -> bool:
        if not answer.tokens:
            answer.first = perf_counter() - said
        answer.tokens.append(token)
        return True

    def done(reason: str | BackendError) -> None:
        answer.whole, answer.cached = perf_counter() - said, speech.cached
        answer.fault = reason if isinstance(reason, BackendError) else None
        room.release()

    speech = Speech(one.prompt, limit=one.limit, prefix=one.prefix, take=take, done=done)
    crowd.say(speech)
    return answer


def the_shipped() -> Decoder:
    """The yard's decoder, saying states that the world model has encoded."""
    path = SHIPPED / "yard.gguf"
    model, world = _model(path), YardModel.load(SHIPPED)
    rng = np.random.default_rng(0)
    states = [_tracks(rng) for _ in range(ANSWERS)]
    prefixes = [world.prefix(world.encode([canonical(track) for track in tracks])) for tracks in states]
    asked = [Asked(model.beginning(), np.ascontiguousarray(prefix), 96) for prefix in prefixes]
    return Decoder("the shipped decoder", path, model, asked, trained=True)


def the_large(folder: Path, kind: str) -> Decoder:
    """A llama with random weights of a `kind`, F16 or Q8_0, written into `folder`."""
    path = write(folder / f"large-{kind}.gguf", replace(LARGE, kind=kind))
    model, rng = _model(path), np.random.default_rng(0)
    asked = [
        Asked([*model.beginning(), *rng.integers(300, LARGE.vocabulary, LARGE_PROMPT).tolist()], None, LARGE_LIMIT)
        for _ in range(LARGE_ANSWERS)
    ]
    title = f"{LARGE.parameters / 1e6:.0f} M parameters, {kind}, random"
    return Decoder(title, path, model, asked, trained=False)


def _tracks(rng: np.random.Generator) -> list[str]:
    """A state, buffer stop first."""
    tracks = [""] * TRACKS
    for wagon in rng.permutation(list(WAGONS)).tolist():
        free = [n for n in range(TRACKS) if len(tracks[n]) < CAPACITY]
        tracks[int(rng.choice(free))] += wagon
    return tracks


def _model(path: Path) -> Model:
    try:
        return Model(read(path), 0, lambda: False)
    except ValueError as error:
        sys.exit(f"bench: {path} {error}")
