"""What was decided for one request, and why: the value that travels from the rules to the attempts and the trace."""

from __future__ import annotations

from dataclasses import dataclass

from router.config.schema import Route

__all__ = ["DIRECT", "Candidate", "Decision"]

DIRECT = "direct"
"""Route name of a request that names a backend itself and matched no route that lists it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend that the route lists, judged by the gates."""

    backend: str
    ok: bool = True
    gate: str | None = None
    """The gate that rejected it: key, endpoint, modality, context, tools, json, privacy, budget, health."""
    reason: str | None = None
    """One sentence for a person, with the figures compared."""
    last_resort: bool = False
    """It is down or its circuit open, and may be asked only because all others that could serve are, too."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`backend` is the first candidate that passed its gates; None when none did, or no route matched."""

    route: str
    backend: str | None
    candidates: tuple[Candidate, ...]
    settings: Route | None
    """The matching route's settings; None for a direct request."""
    private: bool = False
    """The matching route or the client's key is private: no other backend than a private one may see the request,
    however it was chosen, and nothing of it is kept, traced or logged beyond that it was there."""
    named: bool = False
    """The client named the backend itself."""

    @property
    def order(self) -> tuple[str, ...]:
        """The candidates that may be asked, in order."""
        return tuple(candidate.backend for candidate in self.candidates if candidate.ok)

    @property
    def last_resort(self) -> bool:
        """Nobody who could serve is well: all of them are asked, whatever their circuits say."""
        return any(candidate.last_resort for candidate in self.candidates)

    @property
    def rejected(self) -> tuple[tuple[str, str], ...]:
        """(backend, gate) of each candidate that a gate held back."""
        return tuple((each.backend, each.gate) for each in self.candidates if each.gate is not None)
