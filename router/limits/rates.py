"""The limits of the rules, and which of them hold for one request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from router.accounts.whose import chosen
from router.config.limits import Quota, Rate, RouteQuota
from router.config.schema import Route, Rules

__all__ = ["Kind", "Limit", "Rates"]

Kind = Literal["requests", "tokens", "parallel"]

_UNITS = {1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Limit:
    """One number that must not be exceeded."""

    kind: Kind
    name: str
    """Of what is counted: equal for all requests that are counted together."""
    most: int
    seconds: float
    """Length of the window; 0 for `parallel`."""
    whose: str
    """For a sentence: `key "ci"`."""

    def __str__(self) -> str:
        what = f"{self.most:,} {self.kind}" if self.seconds else f"{self.most:,} requests at once"
        time = f" {_UNITS[self.seconds]}" if self.seconds else ""
        return f"{what}{time} for {self.whose}"


class Rates:
    """Of one set of rules."""

    def __init__(self, rules: Rules):
        self._limits = rules.limits
        self.any = self._limits is not None or any(route.limits is not None for route in rules.routes)
        """Some request may be limited."""
        self._found: dict[tuple[str | None, str], tuple[Limit, ...]] = {}

    def of(self, key: str | None, route: str, settings: Route | None) -> tuple[Limit, ...]:
        """Those that hold for a client key's request that takes a route."""
        found = self._found.get((key, route))
        if found is None:
            found = tuple(self._listed(key, route, settings.limits if settings is not None else None))
            if len(self._found) < MOST_REMEMBERED:
                self._found[key, route] = found
        return found

    def _listed(self, key: str | None, route: str, own: RouteQuota | None) -> Iterator[Limit]:
        whose = f'key "{key}"' if key else "requests without a key"
        if self._limits is not None:
            if self._limits.total is not None:
                yield from _limits(self._limits.total, "total", "all requests together")
            if (quota := chosen(self._limits.keys, key)) is not None:
                yield from _limits(quota, f"key:{key or ''}", whose)
        if own is not None and own.per == "key":
            yield from _limits(own, f"route:{route}:key:{key or ''}", f'{whose} on route "{route}"')
        elif own is not None:
            yield from _limits(own, f"route:{route}", f'route "{route}"')


def _limits(quota: Quota, name: str, whose: str) -> Iterator[Limit]:
    for rate in quota.requests or ():
        yield _rated("requests", rate, name, whose)
    for rate in quota.tokens or ():
        yield _rated("tokens", rate, name, whose)
    if quota.parallel is not None:
        yield Limit("parallel", f"{name}:parallel", quota.parallel, 0.0, whose)


def _rated(kind: Kind, rate: Rate, name: str, whose: str) -> Limit:
    # Without the amount: whoever changes it in the rules does not forget what was counted.
    return Limit(kind, f"{name}:{kind}:{rate.seconds:g}", int(rate.amount), rate.seconds, whose)
