"""What a client is told when nobody could take its request, or nobody answered it."""

from __future__ import annotations

from router.attempts.failure import Failure
from router.box import State
from router.refusal import Refusal
from router.routing.decision import Decision
from router.telemetry.record import Record

__all__ = ["all_failed", "no_candidate"]


def no_candidate(state: State, decision: Decision) -> Refusal:
    """400 when trying again cannot help, 503 when it can."""
    nowhere = not decision.route and not decision.candidates
    # Rules made from what is on this machine lack a route only where they lack the backend for it.
    if not state.backends or (nowhere and state.rulebook.found is not None):
        message = "there is no backend yet: start one (llama-server, ollama serve, …), or name some in signalbox.yaml"
        return Refusal(503, message, code="no_backend", retry_after=10)
    if nowhere:
        return Refusal(400, "no route of the rules matches this request", code="no_route")
    told = "; ".join(f"{candidate.backend}: {candidate.reason}" for candidate in decision.candidates)
    whose = "it" if decision.named else f'any backend of route "{decision.route}"'
    message = f"this request cannot go to {whose}: {told}"
    gates = {candidate.gate for candidate in decision.candidates}
    if gates == {"key"}:
        return Refusal(403, message, code="key_not_allowed")
    if "health" in gates:
        return Refusal(503, message, code="no_backend", retry_after=5)
    if "budget" in gates:  # with another status some clients would come again and again
        return Refusal(400, message, code="insufficient_quota")
    return Refusal(400, message, code="context_length_exceeded" if gates == {"context"} else "no_backend")


def all_failed(record: Record, last: Failure) -> Refusal:
    """503, but for a rate limit of the only one that was asked."""
    told = "; ".join(f"{attempt.backend}: {attempt.message}" for attempt in record.attempts)
    waits = [attempt.retry_after for attempt in record.attempts if attempt.retry_after is not None]
    status = 429 if last.status == 429 and len(record.attempts) == 1 else 503
    return Refusal(
        status, f"no backend could answer: {told}", code="backends_failed", retry_after=min(waits, default=5)
    )
