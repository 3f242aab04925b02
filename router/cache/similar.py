"""Nearly the same question: its text is embedded by a backend, and the answer to the nearest one is taken.

All but the text of the last turn must be equal: model, system prompt, earlier turns, tools, parameters, and who may see
the answer. What is remembered here is embeddings and the names of entries; the answers lie in the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from router.backends.contract import Backend, BackendError, Call
from router.cache.key import Key
from router.config.schema import Similar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

__all__ = ["Likeness", "Neighbours", "last_turn", "prepare", "without_last_turn"]

log = logging.getLogger("signalbox.cache")

PATIENCE = 2.0
"""Seconds that embedding a question may take; then it is a miss."""
LONGEST = 8000
"""Characters of a question; in a longer one a small difference would not show in its embedding."""


def prepare() -> None:
    """Imports what embeddings need, a tenth of a second, before a request waits for it."""
    import numpy  # noqa: F401


def last_turn(path: str, data: dict[str, Any]) -> str | None:
    """The text that may vary: a chat's last turn, if it is the user's and nothing but text."""
    messages = data.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if path != "/v1/chat/completions" or not isinstance(last, dict) or last.get("role") != "user":
        return None
    content = last.get("content")
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0].get("text") if content[0].get("type") == "text" else None
    return content if isinstance(content, str) and 0 < len(content.strip()) <= LONGEST else None


def without_last_turn(data: dict[str, Any]) -> dict[str, Any]:
    """The rest of the request, which must be equal."""
    *earlier, last = data["messages"]
    return {**data, "messages": [*earlier, {**last, "content": None}]}


class Neighbours:
    """The questions remembered for one route, `limit` of them; the least recently useful goes first.

    Embeddings are rows of one matrix [limit, dimensions], normalized, so that the cosine is a product.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self._matrix: Vector | None = None
        self._free: list[int] = []
        self._places: OrderedDict[Key, tuple[int, Key]] = OrderedDict()
        """By entry: its row, and its frame: all that must be equal."""
        self._frames: dict[Key, dict[Key, int]] = {}
        """By frame: entries and their rows."""

    def __len__(self) -> int:
        return len(self._places)

    def nearest(self, frame: Key, vector: Vector) -> tuple[Key, float] | None:
        """The entry whose question is nearest, and the cosine."""
        among = self._frames.get(frame)
        if not among or self._matrix is None or self._matrix.shape[1] != len(vector):
            return None
        cosines = self._matrix[list(among.values())] @ vector
        best = int(cosines.argmax())
        key = list(among)[best]
        self._places.move_to_end(key)
        return key, float(cosines[best])

    def add(self, frame: Key, key: Key, vector: Vector) -> None:
        """Remember a question. Embeddings of another length forget all before."""
        import numpy as np

        if self._matrix is None or self._matrix.shape[1] != len(vector):
            self._matrix = np.zeros((self.limit, len(vector)), np.float32)
            self._free = list(range(self.limit))
            self._places.clear()
            self._frames.clear()
        self.forget(key)
        if not self._free:
            self.forget(next(iter(self._places)))
        row = self._free.pop()
        self._matrix[row] = vector
        self._places[key] = row, frame
        self._frames.setdefault(frame, {})[key] = row

    def forget(self, key: Key) -> None:
        """Its answer is no longer kept."""
        if key not in self._places:
            return
        row, frame = self._places.pop(key)
        self._free.append(row)
        del self._frames[frame][key]
        if not self._frames[frame]:
            del self._frames[frame]


@dataclass(slots=True)
class Likeness:
    """One request's question among those remembered."""

    settings: Similar
    neighbours: Neighbours
    embedder: Backend
    frame: Key
    """The key of all that must be equal."""
    text: str
    vector: Vector | None = None
    """Of the text, once it was asked for."""

    async def nearest(self) -> tuple[Key, float] | None:
        """The entry of the nearest question, if it is near enough, and the cosine. A backend that cannot embed is a
        miss."""
        try:
            async with asyncio.timeout(PATIENCE):
                self.vector = await _embedded(self.embedder, self.text)
        except (BackendError, TimeoutError, ValueError) as error:
            # Not the backend's own words, which may repeat the question.
            why = "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "reason", str(error))
            log.warning("no embedding from %s: %s", self.embedder.name, why)
            return None
        found = self.neighbours.nearest(self.frame, self.vector)
        return found if found is not None and found[1] >= self.settings.threshold else None

    def remember(self, key: Key) -> None:
        """Its answer is kept now."""
        if self.vector is not None:
            self.neighbours.add(self.frame, key, self.vector)


async def _embedded(backend: Backend, text: str) -> Vector:
    """Normalized. Raises BackendError, ValueError."""
    import numpy as np

    data = {"model": backend.facts.model or backend.name, "input": text}
    call = Call("/v1/embeddings", orjson.dumps(data), data, [(b"content-type", b"application/json")])
    answer = await backend.ask(call)
    try:
        body = await answer.read()
    finally:
        answer.abort()
    if answer.status != 200:
        raise ValueError(f"it answered with status {answer.status}")
    try:
        vector = np.array(orjson.loads(body)["data"][0]["embedding"], np.float32)
    except (ValueError, TypeError, KeyError, IndexError):
        raise ValueError("its answer holds no embedding") from None
    length = float(np.linalg.norm(vector)) if vector.ndim == 1 else 0.0
    if not 0 < length < float("inf"):
        raise ValueError("its embedding has no direction")
    normal: Vector = vector / length
    return normal
