"""Bodies of the three dialects, as short as they come."""

from __future__ import annotations

from typing import Any

from router.request.envelope import Envelope, Headers
from router.request.signals import Signals

__all__ = ["PNG", "anthropic", "chat", "responses", "signals"]

PNG = "data:image/png;base64,iVBORw0KGgo="


def signals(body: dict[str, Any], path: str = "/v1/chat/completions", **headers: str) -> Signals:
    """Signals of a body; headers are given with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Signals(Envelope(path=path, data=body, headers=Headers.of(named)))


def chat(*messages: tuple[str, Any], **fields: Any) -> dict[str, Any]:
    """A chat-completions body from (role, content) pairs."""
    return {"model": "auto", "messages": [{"role": role, "content": content} for role, content in messages], **fields}


def responses(*items: Any, **fields: Any) -> Signals:
    """Signals of a Responses body from items."""
    return signals({"model": "auto", "input": list(items), **fields}, "/v1/responses")


def anthropic(*messages: tuple[str, Any], **fields: Any) -> Signals:
    """Signals of a Messages body from (role, content) pairs."""
    return signals(chat(*messages, **fields), "/v1/messages")
