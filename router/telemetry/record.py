"""What one request leaves behind: the one source of metrics, log line, trace and spend, so that they agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from router.telemetry.trace import Trace

__all__ = ["Attempt", "CacheResult", "Cost", "Outcome", "Record", "Tokens"]

Outcome = Literal["ok", "refused", "failed", "cancelled", "broken", "unwanted"]
"""`cancelled`: the client left; `broken`: cut after its first content; `unwanted`: no request, but an attempt of one,
whose answer was paid for and not given to the client."""
CacheResult = Literal["", "hit", "miss", "bypass", "joined", "similar"]
"""`""`: the route has no cache."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What was read and written, as OpenAI counts: a part is contained in its whole."""

    input: int = 0
    output: int = 0
    cached: int = 0
    """Of the input: read from the provider's own cache."""
    cache_write: int = 0
    """Of the input: written to it."""
    reasoning: int = 0
    """Of the output."""
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    estimated: bool = False
    """Counted here, because the backend told nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, and where the figure comes from: tokens that the backend reported, tokens estimated here, or
    electricity."""

    usd: float
    source: Literal["reported", "estimated", "power"]


@dataclass(slots=True)
class Attempt:
    """One backend asked. Times are seconds on the monotonic clock, 0 where it did not come so far."""

    backend: str
    reason: str | None = None
    """Why it failed, a word of BackendError's list or `status 503`; None when it answered."""
    message: str = ""
    retry_after: float | None = None
    """Seconds after which it may be asked again, where it said so."""
    model: str = ""
    asked: float = 0.0
    queued: float = 0.0
    """Seconds that it waited for a slot of the backend."""
    answered: float = 0.0
    """When the head of its answer was here."""
    ended: float = 0.0
    changed: tuple[str, ...] = ()
    """A word for each repair without which the backend would refuse the request."""
    cache: CacheResult = ""
    similarity: float = 0.0
    cache_bytes: int = 0
    """These three as the record has them, of this attempt."""
    repaired: list[str] = field(default_factory=list)
    """What was repaired in its answer: `tool_call:` and the wrapper that a call stood in, `arguments`."""


@dataclass(slots=True)
class Record:
    """Filled along the way; times are seconds on the monotonic clock."""

    id: str
    path: str
    started: float
    key: str | None = None
    harness: str = "other"
    """The client program, of the closed list `request.harness.HARNESSES`."""
    route: str = ""
    backend: str = ""
    model: str = ""
    changed: tuple[str, ...] = ()
    """As the attempt has it that was asked last, or whose answer it is."""
    stream: bool = False
    private: bool = False
    """Its route or its key is: no word of it may be logged or traced."""
    status: int = 0
    read: float = 0.0
    """When the request was read, its key checked and its body parsed; 0 where it did not come so far."""
    decided: float = 0.0
    """When the rules had chosen; 0 where they were not asked."""
    rejected: tuple[tuple[str, str], ...] = ()
    """(backend, gate) of each candidate that a gate held back."""
    asked: float = 0.0
    """When the last attempt was sent."""
    answered: float = 0.0
    """When the head of its answer was here."""
    first: float = 0.0
    """When the first piece of its body was here; 0 for an answer read whole."""
    received: float = 0.0
    """When the whole of the answer was here."""
    ended: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    """As the backend told it, in its own words."""
    finish_reason: str | None = None
    cache: CacheResult = ""
    similarity: float = 0.0
    """Cosine of this question's embedding with that of the one whose answer was given; 0 for all but `similar`."""
    cache_seconds: float = 0.0
    """Spent with looking into the cache, and not with waiting for another's answer."""
    cache_bytes: int = 0
    """Of the answer as it was kept, that came out of the cache for this request."""
    tokens: Tokens | None = None
    """None where nothing was generated for this request: a refusal, a hit of the cache."""
    cost: Cost | None = None
    """None where the model has no known price, and where nothing was generated."""
    baseline: float = 0.0
    """US dollars that the same tokens would have cost at the baseline model; 0 without one."""
    worked: float = 0.0
    """Seconds of the backend's time that fell to it; counted where electricity is paid."""
    saved: float = 0.0
    """US dollars that the baseline, or for a hit of the cache the asking itself, would have cost more."""
    outcome: Outcome = "ok"
    cancelled_by: Literal["", "client", "shutdown"] = ""
    """`shutdown`: the proxy was ended and the time of grace was over."""
    limited: str = ""
    """What refused it: `requests`, `tokens`, `parallel`, `loop`, `session_requests` or `session_usd`."""
    retry_after: float | None = None
    """Seconds after which the client was asked to come again."""
    ticket: Any = None
    """What it holds of its limits until it has ended."""
    turn: Any = None
    """The request itself, for the guard, until it has ended."""
    trace: Trace | None = None
    """None where there are no traces."""
    unwanted: list[Record] = field(default_factory=list)
    """For each answer that was paid for and not given to the client: rejected by the route, or beaten by another."""

    @property
    def repaired(self) -> list[str]:
        """What was repaired in the answer that the client got."""
        return self.attempts[-1].repaired if self.attempts else []

    @property
    def paid(self) -> float | None:
        """US dollars for all its attempts; None where nothing is known of any."""
        costs = [each.cost.usd for each in (self, *self.unwanted) if each.cost is not None]
        return sum(costs) if costs else None

    @property
    def limit(self) -> str:
        """What refused it, of limits, budgets and the guard: as `limited`, or `budget`; "" for nothing of these."""
        if self.limited or self.outcome != "refused" or self.attempts:
            return self.limited
        return "budget" if any(gate == "budget" for _, gate in self.rejected) else ""

    @property
    def unpriced(self) -> bool:
        """A backend has answered, and nobody knows what it cost."""
        return self.status == 200 and self.cost is None and bool(self.backend)
