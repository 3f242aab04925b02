"""What is sent to a backend: the client's bytes, but for the model's name and what the route sets."""

from __future__ import annotations

from typing import Any

from router.backends.contract import Backend, Call
from router.box import State
from router.cache.wish import FIELD, without_wish
from router.config.facts import CHAT
from router.dialects.bridge import words_of
from router.dialects.contract import Dialect
from router.dialects.native import without_ours
from router.repair.mend import PATHS
from router.repair.needs import NOTHING
from router.repair.taught import Taught
from router.request.credentials import CREDENTIALS, without_keys
from router.request.edit import REMOVE, dump, edit
from router.request.envelope import Envelope
from router.request.images import without_images
from router.request.signals import Signals
from router.request.upload import Upload
from router.routing.decision import Decision
from router.routing.gates import drops_images

__all__ = ["hides_usage", "model_for", "passed_on", "prepare"]

RawHeaders = list[tuple[bytes, bytes]]

NOT_PASSED_ON = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer transfer-encoding "
    b"upgrade content-length expect accept-encoding authorization x-api-key api-key x-goog-api-key cookie "
    b"x-auth-token x-access-token x-amz-security-token ocp-apim-subscription-key "
    b"openai-organization openai-project forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip origin "
    b"sec-fetch-mode sec-fetch-site sec-fetch-dest http2-settings".split()
)
"""Hop by hop (RFC 9110 §7.6.1), the client's secrets, account and address, and what only a browser means."""

USUAL = frozenset(
    b"accept accept-language cache-control pragma content-type content-encoding user-agent priority referer "
    b"http-referer x-title x-app traceparent tracestate baggage sentry-trace x-request-id x-session-id session_id "
    b"openai-beta anthropic-version anthropic-beta anthropic-dangerous-direct-browser-access "
    b"x-stainless-lang x-stainless-package-version x-stainless-os x-stainless-arch x-stainless-runtime "
    b"x-stainless-runtime-version x-stainless-async x-stainless-retry-count x-stainless-timeout "
    b"x-stainless-read-timeout x-stainless-helper x-stainless-helper-method".split()
)
"""Headers that no client puts its key into. They are not looked at for it: most requests have no others."""

METERED = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Paths whose streams know `stream_options.include_usage`."""


def prepare(
    state: State,
    envelope: Envelope,
    signals: Signals,
    decision: Decision,
    backend: Backend,
    upload: Upload | None,
    taught: Taught,
    dialect: Dialect | None = None,
) -> Call:
    """What is sent to this backend: the client's bytes, but for the model's name, what the route sets, and what the
    backend would refuse; with a `dialect`, the request read, what it says as a chat completion."""
    if dialect is not None:
        return _translated(state, envelope, signals, decision, backend, dialect, taught)
    call = Call(
        envelope.path,
        envelope.body,
        envelope.data,
        passed_on(envelope),
        signals.stream,
        envelope.method,
        without_keys(envelope.query) if envelope.query else b"",
    )
    if upload is not None:
        call.body, call.length = upload.toward(model_for(state, signals, backend))
    elif envelope.data:
        changes = _changes(state, envelope.path, envelope.data, signals, decision, backend)
        changes.update(without_ours(envelope.path, {**envelope.data, **changes}, envelope.body, backend.facts))
        call.changed = _repair(envelope.path, envelope.data, changes, signals, taught)
        if not changes:
            return call
        call.body = edit(envelope.body, envelope.data, changes)
        call.data = {name: value for name, value in {**envelope.data, **changes}.items() if value is not REMOVE}
    return call


def _translated(
    state: State,
    envelope: Envelope,
    signals: Signals,
    decision: Decision,
    backend: Backend,
    dialect: Dialect,
    taught: Taught,
) -> Call:
    data = dialect.chat
    changes = _changes(state, CHAT, data, signals, decision, backend)
    changed = words_of(dialect) + _repair(CHAT, data, changes, signals, taught)
    data = {name: value for name, value in {**data, **changes}.items() if value is not REMOVE}
    headers = [header for header in passed_on(envelope) if not header[0].startswith(b"anthropic-")]
    return Call(CHAT, dump(data), data, headers, signals.stream, changed=changed)


def _repair(
    path: str, data: dict[str, Any], changes: dict[str, Any], signals: Signals, taught: Taught
) -> tuple[str, ...]:
    """Add what this backend would refuse to the changes. A word for each repair."""
    if path not in PATHS or (needs := taught.all_needs()) is NOTHING:
        return ()
    mended = taught.mended({**data, **changes}, needs, lambda: signals.tokens)
    changes.update(mended.changes)
    return mended.words


def passed_on(envelope: Envelope) -> RawHeaders:
    """The client's headers, but for NOT_PASSED_ON and those that repeat the key it came with."""
    raw = envelope.headers.raw
    kept = [header for header in raw if header[0] not in NOT_PASSED_ON]
    if envelope.key is None or not (odd := [header for header in kept if header[0] not in USUAL]):
        return kept
    shown = {_last_word(value) for name, value in raw if name in CREDENTIALS} - {b""}
    repeating = {name for name, value in odd if _last_word(value) in shown}
    return [header for header in kept if header[0] not in repeating] if repeating else kept


def _last_word(value: bytes) -> bytes:
    return value.split()[-1] if value.strip() else b""


def _changes(
    state: State, path: str, data: dict[str, Any], signals: Signals, decision: Decision, backend: Backend
) -> dict[str, Any]:
    """The top-level fields of the body that differ for this backend."""
    facts, settings = backend.facts, decision.settings
    changes: dict[str, Any] = dict(settings.set) if settings is not None and settings.set else {}
    if (model := model_for(state, signals, backend)) is not None and data.get("model") != model:
        changes["model"] = model
    if hides_usage(path, data, signals) and backend.asks_usage:
        options = data.get("stream_options")
        changes["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    if FIELD in data:
        changes.update(without_wish(data))
    scope = drops_images(signals, settings, facts)
    if scope is not None:
        changes.update(without_images(data, scope))
    return changes


def model_for(state: State, signals: Signals, backend: Backend) -> str | None:
    """The name to send in place of the client's; None: the client's own goes through.

    A server without a configured name is sent its first own model where the client's word is one of ours (`auto`).
    """
    facts = backend.facts
    if facts.model is not None:
        return facts.model
    return facts.models[0] if facts.models and signals.model in state.own_names else None


def hides_usage(path: str, data: dict[str, Any], signals: Signals) -> bool:
    """True for a stream whose usage the proxy asks for and the client did not."""
    if not signals.stream or path not in METERED:
        return False
    options = data.get("stream_options")
    return not (isinstance(options, dict) and options.get("include_usage") is True)
