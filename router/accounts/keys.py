"""Client keys: who may call, under which alias."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

__all__ = ["Keys", "parse_keys"]


def parse_keys(text: str) -> dict[str, str]:
    """`alias:key,alias:key` as a mapping. Raises ValueError with a sentence that shows no key."""
    keys: dict[str, str] = {}
    for number, part in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        alias, colon, key = part.partition(":")
        if not colon or not alias.strip() or not key.strip():
            raise ValueError(f"entry {number} of the client keys is not alias:key")
        if alias.strip() in keys:
            raise ValueError(f'the alias "{alias.strip()}" stands twice among the client keys')
        keys[alias.strip()] = key.strip()
    return keys


class Keys:
    """Finds the alias of a presented key.

    Only digests are kept. Every stored digest is compared in constant time, whichever matches.
    """

    def __init__(self, keys: Mapping[str, str]):
        self._digests = [(alias, _digest(key.encode())) for alias, key in keys.items()]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def alias(self, key: bytes) -> str | None:
        """The alias this key belongs to, else None."""
        presented = _digest(key)
        found = None
        for alias, digest in self._digests:
            if hmac.compare_digest(digest, presented):
                found = alias
        return found

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The alias for a request's headers: `Authorization: Bearer KEY` or `x-api-key: KEY`."""
        for name, value in headers:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                if (alias := self.alias(value[7:].strip())) is not None:
                    return alias
            elif name == b"x-api-key" and (alias := self.alias(value.strip())) is not None:
                return alias
        return None


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
