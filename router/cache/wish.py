"""What may be done for one request: what its route allows, what it asks for itself."""

from __future__ import annotations

from typing import Any, Literal

from router.config.schema import Cache as Policy
from router.refusal import Refusal
from router.request.edit import REMOVE
from router.request.envelope import Envelope
from router.request.signals import Signals

__all__ = ["DOORS", "FIELD", "Wish", "allows", "wish_of", "without_wish"]

Wish = Literal["use", "refresh", "bypass"]
"""`refresh`: ask anew and keep the answer; `bypass`: neither look nor keep."""

FIELD = "signalbox"
"""The request field for what is asked of the proxy; its `cache` is `bypass` or `refresh`."""

DOORS = frozenset(
    {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/rerank"}
)
"""Paths whose answers can be kept."""


def wish_of(envelope: Envelope) -> Wish:
    """By the field, else by `Cache-Control` (RFC 9111 §5.2.1). Raises Refusal for a word that is not known."""
    asked = envelope.data.get(FIELD)
    word = asked.get("cache") if isinstance(asked, dict) else None
    if word == "bypass" or word == "refresh":
        return "bypass" if word == "bypass" else "refresh"
    if word is not None:
        raise Refusal(400, f'"{FIELD}.cache" is "bypass" or "refresh"', code="invalid_value", param=FIELD)
    control = envelope.headers.get("cache-control").lower()
    if not control:
        return "use"
    words = {part.strip() for part in control.split(",")}
    if "no-store" in words:
        return "bypass"
    return "refresh" if words & {"no-cache", "max-age=0"} else "use"


def without_wish(data: dict[str, Any]) -> dict[str, Any]:
    """The change that keeps the wish from the backend, which may refuse a field it does not know. What else the field
    holds, such as `world`, is for whoever understands it and goes on."""
    asked = data.get(FIELD)
    if not isinstance(asked, dict) or "cache" not in asked:
        return {}
    rest = {name: value for name, value in asked.items() if name != "cache"}
    return {FIELD: rest or REMOVE}


def allows(policy: Policy, signals: Signals, data: dict[str, Any]) -> bool:
    """May the answer to this request be kept, and taken from what was kept?"""
    if signals.path not in DOORS or signals.envelope.method != "POST":
        return False
    if signals.stream and not policy.streams:
        return False
    if not policy.sampled and _is_sampled(data):
        return False
    if data.get("background") is True or data.get("conversation") is not None:
        return False  # Responses whose answer comes later, or hangs on what the server remembers
    return policy.tool_turns or not signals.tool_loop


def _is_sampled(data: dict[str, Any]) -> bool:
    """Only a temperature that is said counts: most coding agents say none and still expect one answer."""
    temperature = data.get("temperature")
    return isinstance(temperature, int | float) and temperature > 0
