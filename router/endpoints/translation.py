"""A request that goes to its server in another form, and the way back of the answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from router.backends.contract import Answer, Call

__all__ = ["Translation", "as_json", "ask_translated"]

NOT_THERE = (404, 405)


@dataclass(frozen=True, slots=True)
class Translation:
    """What is sent instead of a call."""

    call: Call
    back: Callable[[Answer], Answer]
    """Makes of the server's answer the one that the client waits for."""
    instead: Translation | None = None
    """Sent where the server has no such path: an older version of it."""


async def ask_translated(ask: Callable[[Call], Awaitable[Answer]], call: Call, other: Translation) -> Answer:
    """As `ask(call)`, in another form. Raises BackendError."""
    try:
        answer = await ask(other.call)
        if answer.status in NOT_THERE and other.instead is not None:
            answer.abort()
            other = other.instead
            answer = await ask(other.call)
    finally:
        call.queued = other.call.queued
    return other.back(answer)


def as_json(call: Call, path: str, data: dict[str, Any], *, stream: bool | None = None) -> Call:
    """The call with another path and body."""
    try:
        body = orjson.dumps(data)
    except TypeError:  # half a surrogate pair, or an integer beyond 64 bits
        body = json.dumps(data).encode("ascii")
    headers = [header for header in call.headers if header[0] not in (b"content-type", b"content-encoding")]
    headers.append((b"content-type", b"application/json"))
    flows = call.stream if stream is None else stream
    return replace(call, path=path, body=body, data=data, headers=headers, stream=flows, query=b"", length=None)
