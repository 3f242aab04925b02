"""What one request leaves behind: the one source of metrics, log line and (later) spend, so that they agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Attempt", "Record"]


@dataclass(slots=True)
class Attempt:
    """One backend asked."""

    backend: str
    reason: str | None = None
    """Why it failed, a word of BackendError's list or `status 503`; None when it answered."""
    message: str = ""
    retry_after: float | None = None
    """Seconds after which it may be asked again, where it said so."""


@dataclass(slots=True)
class Record:
    """Filled along the way; times are seconds on the monotonic clock."""

    id: str
    path: str
    started: float
    key: str | None = None
    route: str = ""
    backend: str = ""
    model: str = ""
    stream: bool = False
    status: int = 0
    asked: float = 0.0
    """When the last attempt was sent."""
    answered: float = 0.0
    """When the head of its answer was here."""
    first: float = 0.0
    """When the first piece of its body was here; 0 for an answer read whole."""
    ended: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    outcome: str = "ok"
    """ok, refused, failed, cancelled (the client left), broken (cut after its first content)."""
