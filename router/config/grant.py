"""What a client key may do: which routes, which backends, how privately."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Grant", "fits", "grant"]


@dataclass(frozen=True, slots=True)
class Grant:
    """The limits of one client key, by the alias that everybody may see. Patterns may hold `*`."""

    alias: str
    routes: tuple[str, ...] | None = None
    """None: any, and the backends that a client names itself."""
    backends: tuple[str, ...] | None = None
    """None: any."""
    private: bool = False
    """Its requests go to private backends only."""
    pass_key: bool = False
    """It may itself be handed on, to backends that say `pass_key` too."""

    def refuses(self, route: str, backend: str) -> str | None:
        """Why this key may not get to this backend by this route, in one sentence; None when it may."""
        if self.routes is not None and not fits(self.routes, route):
            return f'is on route "{route}", and the key "{self.alias}" is for {_listed("route", self.routes)}'
        return None if self.may_ask(backend) else self._only_backends()

    def may_ask(self, backend: str) -> bool:
        """This backend is among those the key is for."""
        return self.backends is None or fits(self.backends, backend)

    def _only_backends(self) -> str:
        return f'is not for the key "{self.alias}", which is for {_listed("backend", self.backends or ())}'


def grant(
    alias: str,
    routes: Sequence[str] | None,
    backends: Sequence[str] | None,
    private: bool = False,
    pass_key: bool = False,
) -> Grant | None:
    """The limits; None for a key that has none, so that its requests pay nothing for them."""
    if routes is None and backends is None and not private and not pass_key:
        return None
    return Grant(
        alias,
        None if routes is None else tuple(routes),
        None if backends is None else tuple(backends),
        private,
        pass_key,
    )


def fits(patterns: tuple[str, ...], name: str) -> bool:
    """One of the patterns is the whole of the name; `*` in them stands for any text."""
    return _pattern(patterns).fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """`*` stands for any text. Who writes them is who writes the rules: no client chooses one."""
    return re.compile("|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns), re.DOTALL)


def _listed(what: str, patterns: tuple[str, ...]) -> str:
    return f"{what}{'s' if len(patterns) > 1 else ''} {', '.join(patterns)} only"
