"""Client keys: who may call, under which alias, and what for.

Of each key one SHA-256 is kept, here and at rest. A slow hash (scrypt, Argon2) makes guessing dear where there is
something to guess, such as a password; a key made by `new_key` is 190 random bits, which nobody guesses whatever a
guess costs, and a slow hash would let anybody without a key keep this process busy. A key that a person thought of is
what `signalbox check` warns of.

A presented key is hashed first and looked up by the first bytes of its digest; the whole digest is then compared in
constant time. What the look-up's time could tell is whether some key's digest begins with the same eight bytes, and a
caller cannot choose a digest: to hit a prefix of n bits takes 2^n tries with different keys, and tells nothing of the
key that it belongs to. The look-up does not grow with the number of keys.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import re
import secrets
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from router.config.client_keys import HASHED, Key
from router.config.grant import Grant, grant
from router.refusal import Refusal
from router.request.credentials import CREDENTIALS

__all__ = [
    "PREFIX",
    "ClientKey",
    "Keys",
    "Source",
    "digest_of",
    "from_environment",
    "from_rules",
    "is_whole",
    "new_key",
    "parse_keys",
]

Source = Literal["rules", "environment", "ledger"]
RawHeaders = Iterable[tuple[bytes, bytes]]

PREFIX = "sk-sb-"
"""What a key of ours begins with: seen in a log or a repository, it is known for what it is."""
RANDOM, CHECK = 32, 6
"""Characters of a key after its prefix: 190 random bits, and a CRC-32 of what stands before it."""
LONGEST = 1024
"""Bytes of a key; a longer one is nobody's."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MADE = re.compile(rb"%b[0-9A-Za-z]{%d}" % (PREFIX.encode(), RANDOM + CHECK))
"""A key of ours, wherever it stands."""

ACCEPTED = frozenset({b"authorization", b"x-api-key", b"api-key"})
"""Headers in which a key of ours may come: OpenAI's, after `Bearer`, Anthropic's and Azure's. Google's belongs to an
API that is not spoken here."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One key, without the key."""

    alias: str
    digest: bytes = field(repr=False)
    """SHA-256 of the key, 32 bytes."""
    source: Source
    grant: Grant | None = None
    """None: it may everything."""
    expires: float | None = None
    """Seconds of the epoch; None: never."""


class Keys:
    """A table of keys, never changed. Of two entries for the same key the first counts."""

    def __init__(self, keys: Iterable[ClientKey], closed: bool = False, kept_here: Iterable[bytes] = ()):
        """`closed`: a key is needed even where there is none. `kept_here`: digests of keys that open nothing to a
        client, and are nobody else's business all the same."""
        self._table: dict[bytes, list[ClientKey]] = {}
        for key in keys:
            self._table.setdefault(key.digest[:8], []).append(key)
        self._needed = closed or bool(self._table)
        self._kept_here = frozenset(kept_here)

    def __bool__(self) -> bool:
        """A key is needed."""
        return self._needed

    def find(self, key: bytes) -> ClientKey | None:
        """Whose key this is, be it expired or not."""
        if not 0 < len(key) <= LONGEST:
            return None
        digest = hashlib.sha256(key).digest()
        for known in self._table.get(digest[:8], ()):
            if hmac.compare_digest(known.digest, digest):
                return known
        return None

    def admit(self, headers: RawHeaders) -> ClientKey:
        """The key among a request's headers that lets it in: `Authorization: Bearer KEY`, `x-api-key: KEY` or
        `api-key: KEY`; where several were sent, the first that is good. Raises Refusal (401)."""
        why = "a client key is needed: Authorization: Bearer KEY, or x-api-key"
        for name, value in headers:
            if name not in ACCEPTED or not (shown := _presented(name, value)):
                continue
            known = self.find(shown)
            if known is None:
                why = "this client key is not known here"
                if not is_whole(shown):
                    why += ", and it is not whole: perhaps not all of it was copied"
            elif known.expires is not None and known.expires <= time.time():
                why = f'the client key "{known.alias}" has expired'
            else:
                return known
        raise Refusal(401, why, code="invalid_api_key")

    def passed(self, headers: RawHeaders, limits: Grant | None) -> list[tuple[bytes, bytes]]:
        """The client's own credentials, for a backend that says `pass_key`. No key of this proxy is among them, be it
        good or not, unless it may be passed on as well."""
        foreign_too = limits is not None and limits.pass_key
        return [
            (name, value)
            for name, value in headers
            if name in CREDENTIALS and not any(self._stays(word, foreign_too) for word in _words(value))
        ]

    def _stays(self, word: bytes, foreign_too: bool) -> bool:
        """A key that goes no further; `foreign_too`: those of another Signalbox go."""
        known = self.find(word)
        if known is not None:
            return known.grant is None or not known.grant.pass_key
        if hashlib.sha256(word).digest() in self._kept_here:
            return True
        return not foreign_too and any(map(is_whole, _MADE.findall(word)))


def _presented(name: bytes, value: bytes) -> bytes:
    """The key in a header of ACCEPTED, b"" where there is none."""
    if name == b"authorization":
        return value[7:].strip() if value[:7].lower() == b"bearer " else b""
    return value.strip()


def _words(value: bytes) -> list[bytes]:
    """What in the value of a header may be a key: all of it, what follows its first word, its last word, and user and
    password where it is `Basic`."""
    parts = value.split(None, 1)
    words = [value.strip(), parts[-1].strip(), value.split()[-1]] if parts else []
    if len(parts) == 2 and parts[0].lower() == b"basic":
        with contextlib.suppress(binascii.Error):
            user, _, password = base64.b64decode(parts[1]).partition(b":")
            words += [user, password]
    return words


def new_key() -> str:
    """A key that nobody can guess: `sk-sb-`, 32 random characters, six that show whether it is whole."""
    text = PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(RANDOM))
    return text + _checksum(text.encode())


def is_whole(key: bytes) -> bool:
    """False for a key that begins like one of ours and whose last six characters do not fit the others."""
    if not key.startswith(PREFIX.encode()):
        return True
    return key[-CHECK:] == _checksum(key[:-CHECK]).encode()


def _checksum(text: bytes) -> str:
    number = zlib.crc32(text)
    found = ""
    for _ in range(CHECK):
        number, digit = divmod(number, len(_DIGITS))
        found = _DIGITS[digit] + found
    return found


def digest_of(told: str) -> bytes:
    """SHA-256 of a key, which may be told as `sha256:` and its digest."""
    hashed = HASHED.fullmatch(told)
    return bytes.fromhex(hashed[1]) if hashed is not None else hashlib.sha256(told.encode()).digest()


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


def from_environment(keys: Mapping[str, str]) -> list[ClientKey]:
    """Those of SIGNALBOX_KEYS: they may everything."""
    return [ClientKey(alias, digest_of(key), "environment") for alias, key in keys.items()]


def from_rules(keys: Mapping[str, Key]) -> list[ClientKey]:
    """Those of a rules file."""
    return [
        ClientKey(
            alias,
            digest_of(key.key.get_secret_value()),
            "rules",
            grant(alias, key.routes, key.backends, key.private, key.pass_key),
            key.expires,
        )
        for alias, key in keys.items()
    ]
