"""One request, from bytes to bytes. Read this first: each step is a short function, each room it enters a folder.

    door (api/) → decide (routing/) → its trip (trip.py), in the course of the attempts (attempts/), on which each
    candidate is asked (asking.py): prepare (outgoing.py) → look (cache/) → ask (backends/) → relay (relay.py) → record

Until the first content of an answer has gone to the client, a failure moves on to the next candidate. After it nothing
is repeated, and the stream is cut without its proper end: more clients recover from that than from an error event.
"""

from __future__ import annotations

from time import perf_counter

from router.asking import Asking
from router.box import Box, State
from router.nobody import no_candidate
from router.refusal import Refusal
from router.request.envelope import Envelope
from router.request.signals import Signals
from router.request.upload import Upload
from router.routing.decision import Decision
from router.routing.session import name_of, prefer
from router.telemetry.record import Record
from router.trip import Trip
from router.wire.exchange import Exchange

__all__ = ["travel"]


async def travel(
    box: Box, exchange: Exchange, envelope: Envelope, record: Record, upload: Upload | None = None
) -> None:
    """Answer one request. Raises Refusal when the answer is an error of ours."""
    record.read = perf_counter()
    state = box.state
    signals = Signals(envelope, purse=box.turnstile.purse)
    if (held := box.turnstile.enter(signals, record)) is not None:
        await held
    decision = decide(box, state, signals)
    record.decided = perf_counter()
    record.route, record.stream, record.harness = decision.route, signals.stream, signals.harness
    record.rejected, record.private = decision.rejected, decision.private
    if record.trace is not None:
        record.trace.asked(envelope.data, signals.model, signals.session, decision.private)
    if decision.backend is None:
        raise no_candidate(state, decision)
    if box.turnstile.limited:
        await box.turnstile.admit(decision, signals, exchange, record)
    await Trip(Asking(box, state, exchange, envelope, signals, decision, record, upload)).make()


def decide(box: Box, state: State, signals: Signals) -> Decision:
    """The rules' decision. A turn that brings tool results stays with the backend that asked for the tools."""
    plan = state.rulebook.plan
    if state.strict_models and signals.model and not plan.knows(signals.model):
        name = signals.model[:200]
        raise Refusal(404, f'the model "{name}" does not exist here', code="model_not_found", param="model")
    decision = plan.decide(signals, state.facts)
    if signals.tools and signals.tool_loop and (served := box.sessions.get(name_of(signals))) is not None:
        return prefer(decision, served, signals, state.facts)
    plan.taken(decision)
    return decision
