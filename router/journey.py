"""One request, from bytes to bytes. Read this first: each step is a short function, each room it enters a folder.

    door (api/) → decide (routing/) → for each candidate: prepare → look (cache/) → ask (backends/) → relay → record

Until the first byte of an answer has gone to the client, a failure moves on to the next candidate. After it nothing
is repeated, and the stream is cut without its proper end: more clients recover from that than from an error event.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from router.accounts.bills import Meter
from router.backends.contract import Backend, BackendError, Call
from router.box import Box, State
from router.cache.visit import Visit
from router.cache.wish import FIELD, without_wish
from router.refusal import Refusal
from router.relay import relay
from router.request.credentials import without_keys
from router.request.edit import REMOVE, edit
from router.request.envelope import Envelope
from router.request.images import without_images
from router.request.signals import Signals
from router.request.upload import Upload
from router.routing.decision import Decision
from router.routing.gates import drops_images
from router.routing.session import prefer
from router.telemetry.record import Attempt, Record
from router.wire.exchange import Exchange

__all__ = ["travel"]

log = logging.getLogger("signalbox.journey")

NOT_PASSED_ON = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer transfer-encoding "
    b"upgrade content-length expect accept-encoding authorization x-api-key api-key x-goog-api-key cookie "
    b"x-auth-token x-access-token x-amz-security-token ocp-apim-subscription-key "
    b"openai-organization openai-project forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip origin "
    b"sec-fetch-mode sec-fetch-site sec-fetch-dest http2-settings".split()
)
"""Hop by hop (RFC 9110 §7.6.1), the client's secrets, account and address, and what only a browser means."""

TRY_ANOTHER = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529})
"""Statuses that speak of the server and not of the request: the next candidate may do better."""

METERED = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Paths whose streams know `stream_options.include_usage`."""


async def travel(
    box: Box, exchange: Exchange, envelope: Envelope, record: Record, upload: Upload | None = None
) -> None:
    """Answer one request. Raises Refusal when the answer is an error of ours."""
    record.read = perf_counter()
    state = box.state
    signals = Signals(envelope)
    decision = decide(box, state, signals)
    record.decided = perf_counter()
    record.route, record.stream, record.harness = decision.route, signals.stream, signals.harness
    record.rejected, record.private = decision.rejected, decision.private
    if record.trace is not None:
        record.trace.asked(envelope.data, signals.model, signals.session, decision.private)
    order = decision.order
    if not order:
        raise _no_candidate(state, decision)
    meter = Meter(state.bills, record, lambda: signals.tokens)
    for name in order:
        backend = state.backends[name]
        record.backend, record.model = name, _model_for(state, signals, backend) or signals.model
        attempt = Attempt(name, model=record.model)
        call = prepare(state, envelope, signals, decision, backend, upload)
        if backend.takes_client_key:
            call.credentials = box.keyring.keys.passed(envelope.headers.raw, envelope.grant)
        visit = _visit(box, state, signals, decision, backend, call, record)
        last = name is order[-1] or (upload is not None and upload.touched)
        hide_usage = _hides_usage(envelope, signals)
        answered = visit is not None and await _from_cache(exchange, visit, meter, hide_usage)
        if not answered:
            if record.trace is not None:
                call.headers = record.trace.onward(call.headers)
            asked = backend if visit is None else visit
            if visit is None or not visit.joins:
                meter.asked(name)
            answered = await _attempt(exchange, asked, call, meter, attempt, last, hide_usage)
        if answered:
            if signals.tools:
                box.sessions.put(_session(signals), name)
            return
        if upload is not None and upload.touched:
            break
    raise _all_failed(record)


def decide(box: Box, state: State, signals: Signals) -> Decision:
    """The rules' decision. A turn that brings tool results stays with the backend that asked for the tools."""
    plan = state.rulebook.plan
    if state.strict_models and signals.model and not plan.knows(signals.model):
        name = signals.model[:200]
        raise Refusal(404, f'the model "{name}" does not exist here', code="model_not_found", param="model")
    decision = plan.decide(signals, state.facts)
    if signals.tools and signals.tool_loop and (served := box.sessions.get(_session(signals))) is not None:
        decision = prefer(decision, served, signals, state.facts)
    return decision


def _session(signals: Signals) -> str:
    """Of one client: two of them may give their sessions the same name."""
    return f"{signals.key}/{signals.session}"


def prepare(
    state: State, envelope: Envelope, signals: Signals, decision: Decision, backend: Backend, upload: Upload | None
) -> Call:
    """What is sent to this backend: the client's bytes, but for the model's name and what the route sets."""
    call = Call(
        envelope.path,
        envelope.body,
        envelope.data,
        [header for header in envelope.headers.raw if header[0] not in NOT_PASSED_ON],
        signals.stream,
        envelope.method,
        without_keys(envelope.query) if envelope.query else b"",
    )
    if upload is not None:
        call.body, call.length = upload.toward(_model_for(state, signals, backend))
    elif envelope.data and (changes := _changes(state, envelope, signals, decision, backend)):
        call.body = edit(envelope.body, envelope.data, changes)
        call.data = {name: value for name, value in {**envelope.data, **changes}.items() if value is not REMOVE}
    return call


def _changes(
    state: State, envelope: Envelope, signals: Signals, decision: Decision, backend: Backend
) -> dict[str, Any]:
    """The top-level fields of the body that differ for this backend."""
    data, facts, settings = envelope.data, backend.facts, decision.settings
    changes: dict[str, Any] = dict(settings.set) if settings is not None and settings.set else {}
    if (model := _model_for(state, signals, backend)) is not None and data.get("model") != model:
        changes["model"] = model
    if _hides_usage(envelope, signals) and backend.asks_usage:
        options = data.get("stream_options")
        changes["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    if FIELD in data:
        changes.update(without_wish(data))
    scope = drops_images(signals, settings, facts)
    if scope is not None:
        changes.update(without_images(data, scope))
    return changes


def _visit(
    box: Box, state: State, signals: Signals, decision: Decision, backend: Backend, call: Call, record: Record
) -> Visit | None:
    """This request at the cache; None where the route has none, or this request is not for it."""
    settings = decision.settings
    if settings is None or settings.cache is None:
        return None
    if call.credentials:  # what one client's own key buys is not for another
        record.cache = "bypass"
        return None
    private = decision.private or state.rulebook.rules.backends[backend.name].private is True
    similar = settings.cache.similar
    embedder = state.backends.get(similar.backend) if similar is not None else None
    if embedder is not None and decision.private and not embedder.facts.private:
        embedder = None  # it would read the question
    return box.cache.visit(settings.cache, decision.route, private, signals, backend, call, record, embedder)


async def _from_cache(exchange: Exchange, visit: Visit, meter: Meter, hide_usage: bool) -> bool:
    """Relay the answer that was kept. False when there is none."""
    answer = await visit.look()
    if answer is None:
        return False
    await relay(exchange, answer, meter, hide_usage)
    return True


def _model_for(state: State, signals: Signals, backend: Backend) -> str | None:
    """The name to send in place of the client's; None: the client's own goes through.

    A server without a configured name is sent its first own model where the client's word is one of ours (`auto`).
    """
    facts = backend.facts
    if facts.model is not None:
        return facts.model
    return facts.models[0] if facts.models and signals.model in state.own_names else None


def _hides_usage(envelope: Envelope, signals: Signals) -> bool:
    """True for a stream whose usage the proxy asks for and the client did not."""
    if not signals.stream or envelope.path not in METERED:
        return False
    options = envelope.data.get("stream_options")
    return not (isinstance(options, dict) and options.get("include_usage") is True)


async def _attempt(
    exchange: Exchange,
    asked: Backend | Visit,
    call: Call,
    meter: Meter,
    attempt: Attempt,
    last: bool,
    hide_usage: bool,
) -> bool:
    """Ask one backend, or whoever asks it for several, and relay its answer. False when it failed and another may
    still answer."""
    record = meter.record
    record.attempts.append(attempt)
    record.asked = attempt.asked = perf_counter()
    record.answered = 0.0
    answer = None
    try:
        answer = await asked.ask(call)
        record.answered = attempt.answered = perf_counter()
        if answer.status in TRY_ANOTHER and not last:
            _failed(record, attempt, f"status {answer.status}", f"answered with status {answer.status}")
            return False
        await relay(exchange, answer, meter, hide_usage)
        return True
    except BackendError as error:
        if error.reason == "refused" and not exchange.started:
            raise Refusal(error.status, error.message, code=error.code) from None
        _failed(record, attempt, error.reason, error.message, error.retry_after)
        if not exchange.started:
            return False
        record.outcome = "broken"
        exchange.cut()
        return True
    finally:
        meter.idle()
        attempt.ended, attempt.queued = perf_counter(), call.queued
        if answer is not None:
            answer.abort()


def _failed(record: Record, attempt: Attempt, reason: str, message: str, retry_after: float | None = None) -> None:
    if not record.attempts or record.attempts[-1] is not attempt:  # an attempt shared with others has failed for all
        record.attempts.append(attempt)
    attempt.reason, attempt.message, attempt.retry_after = reason, message, retry_after
    # The line of the request tells the reason. The words may be a provider's, and repeat what was asked.
    log.debug("%s failed: %s", attempt.backend, reason if record.private else message)


def _no_candidate(state: State, decision: Decision) -> Refusal:
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
    return Refusal(400, message, code="context_length_exceeded" if gates == {"context"} else "no_backend")


def _all_failed(record: Record) -> Refusal:
    told = "; ".join(f"{attempt.backend}: {attempt.message}" for attempt in record.attempts)
    waits = [attempt.retry_after for attempt in record.attempts if attempt.retry_after is not None]
    return Refusal(503, f"no backend could answer: {told}", code="backends_failed", retry_after=min(waits, default=5))
