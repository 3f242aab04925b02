"""A request in a file: a JSON body alone, or a recorded request with its path and headers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from router.api.paths import canonical
from router.config.grant import Grant
from router.request.edit import parse
from router.request.envelope import Envelope, Headers

__all__ = ["Recorded", "local_time", "read_recorded"]

CHAT = "/v1/chat/completions"


@dataclass(slots=True)
class Recorded:
    """What was, or would be, sent to the proxy."""

    body: dict[str, Any]
    path: str = CHAT
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Recorded:
        """`data` is a request body, or a mapping with `body` and `path` or `headers` (a mapping or a list of pairs)."""
        body = data.get("body")
        if not isinstance(body, dict) or not ("path" in data or "headers" in data):
            return cls(data)
        path, headers = data.get("path"), data.get("headers")
        pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
        return cls(
            body,
            path if isinstance(path, str) else CHAT,
            {str(pair[0]): str(pair[1]) for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2},
        )

    def envelope(self, key: str | None = None, grant: Grant | None = None) -> Envelope:
        """As the door would read it; the path may be written with or without `/v1`."""
        path = self.path.partition("?")[0]
        body = json.dumps(self.body, default=str).encode()
        return Envelope(canonical(path) or path, self.body, Headers.of(self.headers), body, key=key, grant=grant)


def read_recorded(content: bytes) -> Recorded:
    """From the content of a file. Raises ValueError with a sentence."""
    return Recorded.of(parse(content))


def local_time(text: str) -> datetime:
    """`2026-11-21T23:00`, or `23:00` for today. Raises ValueError with a sentence."""
    try:
        if len(text) <= len("23:00:00"):
            return datetime.combine(datetime.now().date(), time.fromisoformat(text))
        said = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is no time: write 23:00 or 2026-11-21T23:00') from None
    return said if said.tzinfo is None else said.astimezone().replace(tzinfo=None)
