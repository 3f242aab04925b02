"""What is sent to a backend: the client's bytes, but for the model's name and what the route sets."""

from __future__ import annotations

from typing import Any

from router.backends.contract import Backend, Call
from router.box import State
from router.cache.wish import FIELD, without_wish
from router.request.credentials import without_keys
from router.request.edit import REMOVE, edit
from router.request.envelope import Envelope
from router.request.images import without_images
from router.request.signals import Signals
from router.request.upload import Upload
from router.routing.decision import Decision
from router.routing.gates import drops_images

__all__ = ["hides_usage", "model_for", "prepare"]

NOT_PASSED_ON = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer transfer-encoding "
    b"upgrade content-length expect accept-encoding authorization x-api-key api-key x-goog-api-key cookie "
    b"x-auth-token x-access-token x-amz-security-token ocp-apim-subscription-key "
    b"openai-organization openai-project forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip origin "
    b"sec-fetch-mode sec-fetch-site sec-fetch-dest http2-settings".split()
)
"""Hop by hop (RFC 9110 §7.6.1), the client's secrets, account and address, and what only a browser means."""

METERED = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Paths whose streams know `stream_options.include_usage`."""


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
        call.body, call.length = upload.toward(model_for(state, signals, backend))
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
    if (model := model_for(state, signals, backend)) is not None and data.get("model") != model:
        changes["model"] = model
    if hides_usage(envelope, signals) and backend.asks_usage:
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


def hides_usage(envelope: Envelope, signals: Signals) -> bool:
    """True for a stream whose usage the proxy asks for and the client did not."""
    if not signals.stream or envelope.path not in METERED:
        return False
    options = envelope.data.get("stream_options")
    return not (isinstance(options, dict) and options.get("include_usage") is True)
