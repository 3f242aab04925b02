"""Which web pages may call from a browser (the Fetch standard's CORS protocol, for the doors' answers)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from router.config.known import is_loopback_host

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

    def stranger(self, request: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The origin of a web page from elsewhere that nobody has allowed to call; None for all other callers.

        A browser lets any page send a request to this machine, and only keeps the answer from it: without keys, a page
        could spend what the backends' keys buy, and one whose name leads here (DNS rebinding) read the answer as well.
        """
        for name, value in request:
            if name == b"origin" and value.startswith((b"http://", b"https://")):
                origin = value.decode("latin-1")
                if "*" in self.origins or origin in self.origins:
                    return None
                try:
                    host = urlsplit(origin).hostname or ""
                except ValueError:
                    return origin
                return None if is_loopback_host(host) else origin
        return None
