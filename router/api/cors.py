"""Which web pages may call from a browser (the Fetch standard's CORS protocol, for the doors' answers)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from router.config.known import is_loopback_host

__all__ = ["EXPOSED", "Cors"]

EXPOSED = (
    "x-request-id, x-signalbox-route, x-signalbox-backend, x-signalbox-model, x-signalbox-attempts, "
    "x-signalbox-changed, x-signalbox-cost-usd, x-signalbox-cache, x-signalbox-similarity, age, server-timing, "
    "retry-after, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)

RawHeaders = Iterable[tuple[bytes, bytes]]

MOST_HOSTS = 64
"""Values of `Host` that are remembered: a name of this machine with each of its ports is one."""

_UNKNOWN_HOST = (
    '"{0}" is no name of this machine, and without a key only calls to 127.0.0.1 or localhost are answered: make a key '
    "(signalbox keys new NAME), or add http://{0} to SIGNALBOX_CORS_ORIGINS"
)
_UNKNOWN_PAGE = "pages of other sites may not call without a key"
_STRANGE_PAGE = "web pages of {} may not call without a key; SIGNALBOX_CORS_ORIGINS would allow it"


class Cors:
    """Preflights are answered by the application's middleware; this adds to the answers themselves."""

    def __init__(self, origins: Iterable[str]):
        self.origins = frozenset(origins)
        self._names = {name for origin in self.origins if (name := _host_of(origin)) is not None}
        self._hosts: set[bytes] = set()
        """Values of `Host` that were found good."""

    def headers(self, request: RawHeaders) -> list[tuple[bytes, bytes]]:
        """What lets the page that asked read the answer; nothing for others."""
        for name, value in request:
            if name == b"origin" and ("*" in self.origins or value.decode("latin-1") in self.origins):
                return [
                    (b"access-control-allow-origin", value),
                    (b"access-control-expose-headers", EXPOSED.encode()),
                    (b"vary", b"origin"),
                ]
        return []

    def stranger(self, request: RawHeaders, navigates: bool = False) -> str | None:
        """Why this caller may not come in without a key, in a sentence; None for one who may.

        A browser lets any page send a request to this machine, and only keeps the answer from it: without keys, a page
        could spend what the backends' keys buy. A page whose name leads here (DNS rebinding) reads the answer as well,
        and then sends no `Origin`; what it cannot choose is `Host`. `navigates`: the person who leaves a page may come
        here, for what is then shown the page cannot read.
        """
        origin = site = mode = b""
        for name, value in request:
            if name == b"host":
                if value not in self._hosts and not self._is_ours(value):
                    return _UNKNOWN_HOST.format(_printed(value))
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
            elif name == b"sec-fetch-mode":
                mode = value
        if "*" in self.origins:
            return None
        if origin:
            return None if self._may_call(origin.decode("latin-1")) else _STRANGE_PAGE.format(_printed(origin))
        if site == b"cross-site" and not (navigates and mode == b"navigate"):
            return _UNKNOWN_PAGE
        return None

    def _is_ours(self, host: bytes) -> bool:
        """A program of this machine, or a page of an allowed origin, calls by this name."""
        name = _host_of("http://" + host.decode("latin-1"))
        if name is None:
            return False
        good = "*" in self.origins or is_loopback_host(name) or name in ("0.0.0.0", "::") or name in self._names
        if good and len(self._hosts) < MOST_HOSTS:
            self._hosts.add(host)
        return good

    def _may_call(self, origin: str) -> bool:
        """Pages of this machine, those that are allowed, and what is no web page, such as a browser's extension. `null`
        may be any page: each can put itself into a frame that has no other origin."""
        if origin in self.origins:
            return True
        if origin.startswith(("http://", "https://")):
            return is_loopback_host(_host_of(origin) or "")
        return origin != "null"


def _host_of(origin: str) -> str | None:
    """The name or address in an origin of the web; None where there is none."""
    try:
        url = urlsplit(origin)
        return url.hostname if url.scheme in ("http", "https") else None
    except ValueError:
        return None


def _printed(value: bytes) -> str:
    return value[:200].decode("latin-1")
