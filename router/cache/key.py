"""When are two requests equal? Their key: a digest of all that can change the answer, however it is spelled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, unquote

import orjson

__all__ = ["CONVERTIBLE", "IGNORED", "PREFIX", "Key", "Unkeyable", "canonical", "key_of", "repeats_a_key"]

PREFIX = "signalbox:1:"
"""Before each name in a shared store; the number is that of the entries' format."""

CONVERTIBLE = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Paths on which stream and plain answer can be made of each other, so that both have one entry."""

IGNORED = frozenset(
    {
        *("stream", "stream_options", "user", "metadata", "client_metadata", "service_tier", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention"),
    }
)
"""Fields of a request that do not change the answer. All others do, those that nobody here has heard of included."""

VARYING = frozenset({b"anthropic-version", b"anthropic-beta", b"openai-beta"})
"""Headers that change what an API does."""

EXACT = 2.0**53
"""Floats beyond may be two numbers in one."""


class Unkeyable(Exception):
    """The request holds something of which two different values would look the same."""


@dataclass(frozen=True, slots=True)
class Key:
    """Names one entry. The route is in it so that entries can be counted and cleared by route."""

    route: str
    digest: str

    @property
    def name(self) -> str:
        """In a shared store. In braces: what a Redis Cluster places it by, so that a lock lies beside its entry."""
        return f"{PREFIX}{quote(self.route, safe='')}:{{{self.digest}}}"

    @property
    def lock(self) -> str:
        """Of the lock beside it."""
        return f"signalbox:lock:{{{self.digest}}}"

    @staticmethod
    def route_of(name: str) -> str:
        """The route in a name."""
        return unquote(name.removeprefix(PREFIX).partition(":")[0])


def key_of(
    route: str,
    path: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    data: dict[str, Any],
    *,
    backend: str,
    revision: str,
    client: str | None,
    everyone: bool,
) -> Key:
    """The key of a request as this backend would be sent it (`data`: its body, with the backend's model). Raises
    Unkeyable."""
    kept = {name: value for name, value in data.items() if name not in IGNORED}
    if path == "/v1/chat/completions":
        kept.pop("store", None)  # elsewhere the answer's id can be gone on from, if it was stored
    if path == "/v1/embeddings" and kept.get("encoding_format") in (None, "float", "base64"):
        kept.pop("encoding_format", None)  # each client gets the form it asks for, whichever is kept
    said = [
        path,
        query.decode("latin-1"),
        backend,
        revision,
        None if everyone else [client],
        path not in CONVERTIBLE and data.get("stream") is True,
        sorted((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers if name in VARYING),
        kept,
    ]
    return Key(route, blake2b(canonical(said), digest_size=20).hexdigest())


def canonical(value: dict[str, Any] | list[Any]) -> bytes:
    """The same bytes for the same JSON, whatever the order of keys and the spelling of numbers. Raises Unkeyable."""
    try:
        plain = _plain(value) if _holds_odd_number(value) else value
        try:
            return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
        except (TypeError, ValueError):  # half a surrogate pair, an integer beyond 64 bits, deeper than 254 levels
            return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")
    except RecursionError:
        raise Unkeyable("nested too deeply") from None


def _holds_odd_number(value: Any) -> bool:
    """Is there a float that is whole or huge? Looking is three times as quick as writing everything anew."""
    for inner in value.values() if isinstance(value, dict) else value:
        kind = type(inner)
        if kind is str:
            continue
        if kind is float:
            if inner.is_integer() or not -EXACT < inner < EXACT:
                return True
        elif (kind is dict or kind is list) and _holds_odd_number(inner):
            return True
    return False


def _plain(value: Any) -> Any:
    """With whole numbers as integers."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        if not -EXACT < value < EXACT:
            raise Unkeyable("a number too large to be told from its neighbours")
        return int(value) if value.is_integer() else value
    return value


def repeats_a_key(body: bytes) -> bool:
    """Does some object in it have a key twice? One program reads the first, another the last: where answers are shared,
    such a request could leave the answer to one question under the key of another."""
    found = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len({name for name, _ in pairs}) < len(pairs)

    try:
        json.loads(body, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return True
    return found
