"""One request as it came: parsed once, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from router.config.grant import Grant

__all__ = ["Envelope", "Headers"]


class Headers:
    """Read-only view of HTTP headers; names are compared without case, the first of several wins."""

    __slots__ = ("_map", "raw")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]] = ()):
        self.raw: list[tuple[bytes, bytes]] = list(raw)
        self._map: dict[bytes, bytes] | None = None

    @classmethod
    def of(cls, headers: dict[str, str]) -> Headers:
        """From a plain mapping, as tests and `signalbox explain` have it."""
        return cls((k.lower().encode("latin-1", "replace"), v.encode("latin-1", "replace")) for k, v in headers.items())

    def get(self, name: str, default: str = "") -> str:
        """The value as text (latin-1, as HTTP has it)."""
        if self._map is None:
            self._map = dict(reversed(self.raw))
        value = self._map.get(name.lower().encode("latin-1", "replace"))
        return default if value is None else value.decode("latin-1")

    def first_of(self, names: Iterable[bytes]) -> str:
        """The value of the first of these (lower-case) that is there and not empty; "" when none is."""
        if self._map is None:
            self._map = dict(reversed(self.raw))
        for name in names:
            if value := self._map.get(name):
                return value.decode("latin-1")
        return ""

    def __contains__(self, name: str) -> bool:
        return self.get(name, "\0") != "\0"


@dataclass(slots=True)
class Envelope:
    """What the door read. `path` is canonical: `/v1/…` whatever prefix the client used."""

    path: str
    data: dict[str, Any] = field(default_factory=dict)
    """The JSON body; the small form fields of a multipart body; empty otherwise."""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    """The very bytes of `data`; empty while a multipart body is still arriving."""
    method: str = "POST"
    query: bytes = b""
    key: str | None = None
    """Alias of the client key, None when keys are not in use."""
    grant: Grant | None = None
    """What that key is limited to; None when it may everything."""
