"""`keys:` of a rules file: who may call, what for, and until when."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from router.config.grant import Grant, fits, grant
from router.config.problems import Place, Problem, did_you_mean
from router.config.secret import Secret

__all__ = ["ALIAS", "HASHED", "Key", "as_keys", "expiry", "grants", "problems"]

HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
"""How a key is written that is not to be read from the file: `signalbox keys new --yaml` prints one."""
ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""Aliases stand in labels of metrics, in logs and on command lines."""
SHORTEST = 16
"""Characters of a key: with fewer it can be guessed, over the network or from its digest."""

_EXPIRY_SCHEMA = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d|\$\{"}
_NAMES_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def expiry(value: Any) -> Any:
    """`2027-01-31` (the end of that day) or `2027-01-31T18:00`, local time, as seconds of the epoch. Raises
    ValueError."""
    if value is None or isinstance(value, float):
        return value
    try:
        if not isinstance(value, str):
            raise ValueError
        day = re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip())
        said = datetime.datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("a date such as 2027-01-31, or with a time: 2027-01-31T18:00") from None
    return (said + datetime.timedelta(days=1) if day else said).timestamp()


Patterns = Annotated[
    list[str],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
    WithJsonSchema(_NAMES_SCHEMA),
]


class Key(BaseModel):
    """A client key, by its alias."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Secret = Field(description="`sha256:` and the key's digest, or ${NAME}", repr=False)
    routes: Patterns | None = Field(
        None, description="only requests that these routes take, `*` for any text; left out: all"
    )
    backends: Patterns | None = Field(None, description="only these backends, `*` for any text; left out: all")
    private: bool = Field(False, description="true: as if every route of its requests said `private: true`")
    expires: Annotated[float | None, BeforeValidator(expiry), WithJsonSchema(_EXPIRY_SCHEMA)] = Field(
        None, description="last day, or time, at which it is good, local time; left out: for good"
    )
    pass_key: bool = Field(False, description="true: handed on as it is to backends that say `pass_key` too")


def as_keys(value: Any) -> Any:
    """`alias: sha256:…` is short for `alias: {key: sha256:…}`."""
    if isinstance(value, dict):
        return {alias: {"key": said} if isinstance(said, str) else said for alias, said in value.items()}
    return value


def grants(keys: Mapping[str, Key]) -> dict[str, Grant]:
    """The limits of those that have any, by alias."""
    found = ((alias, grant(alias, k.routes, k.backends, k.private, k.pass_key)) for alias, k in keys.items())
    return {alias: limits for alias, limits in found if limits is not None}


def problems(
    keys: Mapping[str, Key], routes: list[str], backends: list[str], private: bool, from_environment: AbstractSet[Place]
) -> Iterator[Problem]:
    """What is wrong, and what is unwise. `private`: some backend is. `from_environment`: places that are filled by
    variables."""
    for alias, key in keys.items():
        place: Place = ("keys", alias)
        if not ALIAS.fullmatch(alias):
            yield Problem(
                f"`{alias}` is no alias for a key", place, "letters, digits and . _ @ -, at most 64, no sign first"
            )
        told = key.key.get_secret_value()
        outside = place in from_environment or (*place, "key") in from_environment
        yield from _of_secret(alias, told, outside, place)
        for what, known in (("routes", [*routes, "direct"]), ("backends", backends)):
            for pattern in getattr(key, what) or ():
                if not any(fits((pattern,), name) for name in known):
                    message = f"key `{alias}` is for {what[:-1]} `{pattern}`, which there is not"
                    yield Problem(message, (*place, what), did_you_mean(pattern, known), "warning")
        if key.private and not private:
            message = f"key `{alias}` is private, and no backend is: none of its requests can be answered"
            yield Problem(message, place, "say `private: true` at a backend that you vouch for", "warning")


def _of_secret(alias: str, told: str, outside: bool, place: Place) -> Iterator[Problem]:
    if HASHED.fullmatch(told):
        return
    if told.startswith("sha256:"):
        yield Problem(f"key `{alias}` is no digest: `sha256:` is followed by 64 hexadecimal digits", place)
    elif not outside:
        message = f"key `{alias}` stands here for everyone to read who can read this file"
        hint = "write ${NAME} and set the variable, or `sha256:` and its digest: signalbox keys new --yaml ALIAS"
        yield Problem(message, place, hint, "warning")
    if not told.startswith("sha256:") and len(told) < SHORTEST:
        message = f"key `{alias}` has fewer than {SHORTEST} characters: it can be guessed"
        yield Problem(message, place, "signalbox keys new makes one that cannot", "warning")
