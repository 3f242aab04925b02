"""A backend's own secrets, taken out of what it answers before a client sees it.

Servers and the gateways before them echo what they were sent: in a debugging header, in the page of an error, in an
error that ends a stream. What is found is replaced by as many asterisks, so that lengths told before still hold.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

__all__ = ["Scrubber", "parts"]

RawHeaders = list[tuple[bytes, bytes]]

SHORTEST = 8
"""Characters of a secret that is looked for in headers and errors. Of shorter ones, such as `none`, nothing is kept
secret by hiding every word that contains them."""
SHORTEST_IN_ANSWERS = 16
"""The same for answers: keys of clouds have 32 and more, and `lm-studio` may be what an answer is about."""


class Scrubber:
    """Of one backend. False where there is nothing to be looked for."""

    def __init__(self, secrets: Iterable[str | None]):
        told = (part for secret in secrets if secret is not None for part in parts(secret))
        known = {part for part in told if len(part) >= SHORTEST}
        self._all = _spelled(known)
        self._long = _spelled(secret for secret in known if len(secret) >= SHORTEST_IN_ANSWERS)

    def __bool__(self) -> bool:
        return bool(self._all)

    def headers(self, headers: RawHeaders) -> RawHeaders:
        """Of an answer."""
        together = b"\0".join([value for _, value in headers])
        for secret in self._all:
            if secret in together:
                return [(name, _without(value, self._all)) for name, value in headers]
        return headers

    def whole(self, body: bytes, status: int) -> bytes:
        """A body that is all here."""
        return _without(body, self._all if status >= 400 else self._long)

    def stream(self, sink: Callable[[bytes], None]) -> Stream | None:
        """Something to be told the pieces of a stream; None where nothing is looked for."""
        return Stream(self._long, sink) if self._long else None


class Stream:
    """Hands the pieces of a stream on without secrets. Held back is only what may be the beginning of one, which the
    end of a server-sent event never is."""

    __slots__ = ("_held", "_secrets", "_sink")

    def __init__(self, secrets: tuple[bytes, ...], sink: Callable[[bytes], None]):
        self._secrets = secrets
        self._sink = sink
        self._held = b""

    def take(self, data: bytes) -> None:
        """A piece has come."""
        if self._held:
            data, self._held = self._held + data, b""
        for secret in self._secrets:
            if secret in data:
                data = data.replace(secret, b"*" * len(secret))
        if not data.endswith(b"\n") and (begun := max(_begun(data, secret) for secret in self._secrets)):
            data, self._held = data[:-begun], data[-begun:]
        if data:
            self._sink(data)

    def end(self) -> None:
        """There are no more: what was held back was none."""
        if self._held:
            held, self._held = self._held, b""
            self._sink(held)


def parts(secret: str) -> Iterator[str]:
    """The secret as it is sent, and what of it is one by itself: X of `Bearer X` and `Token X`, and the password that
    `Basic X` encodes (the name, where the password is empty)."""
    yield secret
    scheme, _, rest = secret.strip().partition(" ")
    if not (rest := rest.strip()):
        return
    yield rest
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return
        yield password or name


def _begun(data: bytes, secret: bytes) -> int:
    """So many bytes at the end of the data are the beginning of the secret."""
    for length in range(min(len(secret) - 1, len(data)), 0, -1):
        if data.endswith(secret[:length]):
            return length
    return 0


def _without(text: bytes, secrets: tuple[bytes, ...]) -> bytes:
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, b"*" * len(secret))
    return text


def _spelled(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """As they may stand in a header, in JSON and in a URL; the longest first."""
    found: set[str] = set()
    for secret in secrets:
        escaped = json.dumps(secret)[1:-1]
        found |= {secret, escaped, escaped.replace("/", "\\/"), quote(secret, safe="")}
    return tuple(sorted((each.encode("utf-8", "replace") for each in found), key=len, reverse=True))
