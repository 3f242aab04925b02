"""Where clients put keys: headers, and, where everybody logs them, the query of a URL."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

__all__ = ["CREDENTIALS", "sounds_secret", "without_keys"]

CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})
"""Headers in which clients send a key to whomever they call."""

NAMES = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
"""Parameters that hold a key in the APIs of Google and others."""

_WORDS = ("key", "token", "secret", "password", "credential", "authorization", "cookie")
_WHOLE_WORDS = frozenset({"auth", "oauth"})
"""These count as words of their own: an `author` is no secret."""


def sounds_secret(name: str) -> bool:
    """Does this name, of a header or a variable, promise a secret?"""
    lowered = name.lower()
    return any(word in lowered for word in _WORDS) or not _WHOLE_WORDS.isdisjoint(re.split(r"[^a-z0-9]+", lowered))


def without_keys(query: bytes) -> bytes:
    """The query as it came, but for parameters that hold a key: like the headers with one, they are for this proxy at
    most, and for no backend."""
    kept = [part for part in query.split(b"&") if _name(part) not in NAMES]
    return b"&".join(kept)


def _name(part: bytes) -> str:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1")).strip().lower()
