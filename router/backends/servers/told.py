"""What a server has told of itself and of the model that is asked for there. What it does not say stays None."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

import orjson

__all__ = ["Server", "Told", "number", "parsed"]


class Server(Protocol):
    """What is asked."""

    async def fetch(self, path: bytes, body: bytes | None = None) -> tuple[int, bytes]:
        """GET a path, or POST a JSON body there: status and body of the answer. Raises WireError."""

    async def knock(self) -> None:
        """Open a connection and close it, unless one stands. Raises WireError."""

    @property
    def busy(self) -> bool:
        """It is answering a request of ours."""


@dataclass(frozen=True, slots=True)
class Told:
    """As `Facts` has it."""

    server: str | None = None
    models: tuple[str, ...] | None = None
    here: str | None = None
    """A model that is in its memory and answers chats, where it is not said which one is asked for."""
    context: int | None = None
    """Tokens it has loaded, or will load, the model with."""
    trained: int | None = None
    """Tokens the model could have: no request can count on them."""
    slots: int | None = None
    accepts: frozenset[str] | None = None
    tools: bool | None = None
    endpoints: frozenset[str] | None = None
    loaded: bool | None = None
    dialects: frozenset[str] | None = None
    """Paths of dialects beside chat completions on which it answers."""
    fault: str | None = None
    """Why it cannot serve now, though it answers."""
    refused: bool | None = None
    """It does not take our key."""

    def over(self, other: Told) -> Told:
        """This, and what only `other` says."""
        return Told(**{each.name: _first(getattr(self, each.name), getattr(other, each.name)) for each in fields(Told)})


def parsed(status: int, body: bytes) -> dict[str, Any]:
    """The object of an answer with status 200; else {}."""
    try:
        answer = orjson.loads(body) if status == 200 else None
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def number(value: Any) -> int | None:
    """A whole number above 0, as a count of tokens or slots is; else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _first(one: Any, other: Any) -> Any:
    return one if one is not None else other
