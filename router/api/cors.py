"""Which web pages may call from a browser (the Fetch standard's CORS protocol, for the doors' answers)."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["EXPOSED", "Cors"]

EXPOSED = (
    "x-request-id, x-signalbox-route, x-signalbox-backend, x-signalbox-model, x-signalbox-attempts, "
    "x-signalbox-cost-usd, x-signalbox-cache, x-signalbox-similarity, age, server-timing, retry-after, "
    "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)


class Cors:
    """Preflights are answered by the application's middleware; this adds to the answers themselves."""

    def __init__(self, origins: Iterable[str]):
        self.origins = frozenset(origins)

    def headers(self, request: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """What lets the page that asked read the answer; nothing for others."""
        for name, value in request:
            if name == b"origin" and ("*" in self.origins or value.decode("latin-1") in self.origins):
                return [
                    (b"access-control-allow-origin", value),
                    (b"access-control-expose-headers", EXPOSED.encode()),
                    (b"vary", b"origin"),
                ]
        return []
