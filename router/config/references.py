"""What one part of the rules says of another: names that lead nowhere or to two places, promises that cannot hold."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.config import catalogue
from router.config.backend import HttpBackend
from router.config.known import is_private
from router.config.problems import Place, Problem, did_you_mean
from router.config.schema import Cache, Case, Route, Rules

__all__ = ["AUTO", "Names", "problems"]

AUTO = "auto"
"""The model name that leaves the choice to the routes."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the file names, be it usable or not: a fault in a backend is no reason to call its name unknown."""

    backends: Collection[str]
    routes: Sequence[int]
    """Position in the file of each route of the rules."""
    tests: Sequence[int]
    """Position in the file of each test of the rules."""
    all_routes: bool
    """False: some routes of the file are faulty and not among the rules."""


def problems(rules: Rules, names: Names) -> list[Problem]:
    """Every fault of reference, with places as in the file."""
    found = list(_of_the_whole(rules, names))
    found += _of_passed_keys(rules)
    found += _of_aliases(rules, names)
    for index, route in zip(names.routes, rules.routes, strict=True):
        found += _of_route(route, index, rules, names)
    found += _repeated_routes(rules, names)
    for index, case in zip(names.tests, rules.tests, strict=True):
        found += _of_test(case, index, rules, names)
    return found


def _of_the_whole(rules: Rules, names: Names) -> Iterator[Problem]:
    if not names.backends:
        yield Problem("there are no backends", ("backends",), "name at least one under `backends:`")
    elif not rules.routes and names.all_routes:
        message = "there are no routes: only requests whose model is the name of a backend are answered"
        yield Problem(message, ("routes",), "a route with only `to:` takes every request", "warning")
    if rules.baseline is not None:
        yield from _of_baseline(rules.baseline)
    if rules.budgets is not None:
        yield from _of_budgets(rules)
    if AUTO in names.backends:
        message = "a backend cannot be called `auto`: that name leaves the choice to the routes"
        yield Problem(message, ("backends", AUTO), "choose another name")


def _of_passed_keys(rules: Rules) -> Iterator[Problem]:
    for name, spec in rules.backends.items():
        if isinstance(spec, HttpBackend) and spec.pass_key and spec.url.startswith("http:") and not is_private(spec):
            message = f"backend `{name}` is sent the keys of clients, and nothing encrypts them on the way"
            yield Problem(message, ("backends", name, "pass_key"), "use https://", "warning")


def _of_budgets(rules: Rules) -> Iterator[Problem]:
    """What nobody told the price of is held back at a spent budget, also when it is yours."""
    for name, spec in rules.backends.items():
        if isinstance(spec, HttpBackend) and is_private(spec) and spec.price is None and spec.power is None:
            message = f"backend `{name}` has no price, so it counts as one that costs money when a budget is spent"
            yield Problem(message, ("backends", name), "say `price: 0` if it costs nothing", "warning")


def _of_baseline(model: str) -> Iterator[Problem]:
    entry = catalogue.lookup(model)
    if entry is None:
        hint = did_you_mean(model, list(catalogue.names())) or "name one that LiteLLM knows, such as gpt-5.4-mini"
        yield Problem(f"LiteLLM's list has no model `{model}` to compare with", ("baseline",), hint)
    elif entry.price is None:
        message = f"LiteLLM's list has no price per token for `{model}`"
        yield Problem(message, ("baseline",), "name a model that is billed by tokens")


def _of_aliases(rules: Rules, names: Names) -> Iterator[Problem]:
    for alias, target in rules.aliases.items():
        place = ("aliases", alias)
        if alias in names.backends:
            yield Problem(f"`{alias}` is an alias and a backend", place, "rename one of them")
        elif alias == AUTO:
            yield Problem("`auto` cannot be an alias: it leaves the choice to the routes", place, "choose another name")
        if target != AUTO and target not in names.backends:
            yield _unknown("backend", target, names.backends, place)


def _asks_budget(when: object) -> bool:
    if isinstance(when, dict):
        return "budget" in when or any(map(_asks_budget, when.values()))
    return isinstance(when, list) and any(map(_asks_budget, when))


def _of_route(route: Route, index: int, rules: Rules, names: Names) -> Iterator[Problem]:
    for position, name in enumerate(route.backends):
        place: Place = ("routes", index, "to", position)
        spec = rules.backends.get(name)
        if name not in names.backends:
            yield _unknown("backend", name, names.backends, place)
        elif name in route.backends[:position]:
            yield Problem(f"`{name}` stands twice in `to`", place, "the second has no effect", "warning")
        elif route.private and spec is not None and not is_private(spec):
            hint = "take it out of `to`, or say `private: true` at the backend if you vouch for that place"
            yield Problem(f"route `{route.name}` is private, but backend `{name}` is not", place, hint)
    yield from _of_choice(route, index)
    yield from _of_when(route.when, ("routes", index, "when"), names)
    if rules.budgets is None and _asks_budget(route.when):
        message = f"route `{route.name}` asks for `budget`, and there are no `budgets:`, so that it is always 0"
        yield Problem(message, ("routes", index, "when"), "name some under `budgets:`", "warning")
    if route.cache is not None:
        yield from _of_cache(route, route.cache, ("routes", index, "cache"), rules, names)


def _of_choice(route: Route, index: int) -> Iterator[Problem]:
    weighted = [position for position, target in enumerate(route.to) if "weight" in target.model_fields_set]
    if weighted and route.choice not in ("weighted", "sticky"):
        place = ("routes", index, "to", weighted[0], "weight")
        hint = "say `choice: weighted` at the route"
        yield Problem(f"`weight` has no effect with `choice: {route.choice}`", place, hint, "warning")
    if len(route.to) == 1 and route.to[0].wait is not None:
        place = ("routes", index, "to", 0, "wait")
        message = "`wait` has no effect: there is no other backend that could be asked instead"
        yield Problem(message, place, "add one to `to`", "warning")


def _of_when(when: Mapping[str, Any], place: Place, names: Names) -> Iterator[Problem]:
    """Backends whose state it asks for; what else may be wrong with a condition its compiler tells."""
    for signal, value in when.items():
        if signal == "backend" and isinstance(value, dict):
            for name in value:
                if name not in names.backends:
                    yield _unknown("backend", name, names.backends, (*place, signal, name))
        elif signal in ("any", "all", "not"):
            listed = value if isinstance(value, list) else [value]
            for position, entry in enumerate(listed):
                if isinstance(entry, dict):
                    inner = (*place, signal, position) if listed is value else (*place, signal)
                    yield from _of_when(entry, inner, names)


def _of_cache(route: Route, cache: Cache, place: Place, rules: Rules, names: Names) -> Iterator[Problem]:
    if cache.scope == "everyone":
        marked = next((n for n in route.backends if (spec := rules.backends.get(n)) is not None and spec.private), None)
        if route.private or marked is not None:
            whose = f"route `{route.name}`" if route.private else f"backend `{marked}`"
            message = f"{whose} is private, and its answers would be cached for everyone"
            yield Problem(message, (*place, "scope"), "leave `scope` out: each client key then has its own")
    if cache.similar is None:
        return
    name, at = cache.similar.backend, (*place, "similar", "backend")
    spec = rules.backends.get(name)
    if name not in names.backends:
        yield _unknown("backend", name, names.backends, at)
    elif route.private and spec is not None and not is_private(spec):
        message = f"route `{route.name}` is private, but backend `{name}`, which would read its questions, is not"
        yield Problem(message, at, "name one on this machine")


def _repeated_routes(rules: Rules, names: Names) -> Iterator[Problem]:
    count = Counter(route.name for route in rules.routes)
    seen: set[str] = set()
    for index, route in zip(names.routes, rules.routes, strict=True):
        if count[route.name] > 1 and route.name in seen:
            message = f"a second route is called `{route.name}`"
            yield Problem(message, ("routes", index, "name"), "headers and metrics tell routes apart by their names")
        seen.add(route.name)


def _of_test(case: Case, index: int, rules: Rules, names: Names) -> Iterator[Problem]:
    expect, place = case.expect, ("tests", index, "expect")
    routes = [route.name for route in rules.routes]
    if expect.backend is not None and expect.backend not in names.backends:
        yield _unknown("backend", expect.backend, names.backends, (*place, "backend"))
    if expect.route is not None and expect.route not in routes and names.all_routes:
        directly = expect.route == "direct"  # the name under which a request that names its backend is recorded
        if not directly:
            yield _unknown("route", expect.route, routes, (*place, "route"))
    for name in case.given:
        if name not in names.backends:
            yield _unknown("backend", name, names.backends, ("tests", index, "given", name))
    if case.at is not None and not _is_time(case.at):
        yield Problem(f"`{case.at}` is no time", ("tests", index, "at"), "write it like 2026-11-21T23:00")


def _is_time(text: str) -> bool:
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _unknown(what: str, name: str, known: Collection[str], place: tuple[str | int, ...]) -> Problem:
    listed = ", ".join(list(known)[:12]) + (", …" if len(known) > 12 else "")
    hint = did_you_mean(name, known) or (f"there are: {listed}" if known else None)
    return Problem(f"there is no {what} `{name}`", place, hint)
