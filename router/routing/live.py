"""The signal `backend`: the state that a backend is in right now, as a `when:` asks for it.

    backend: {qwen: up}                      a word: up, down, busy, free, loaded, unloaded, warm, cold
    backend: {qwen: [down, busy]}            one of these
    backend: {qwen: {queue: "< 3", up: true}, haiku: up}      all of these

- `up`, `down`: as the gates see it, open circuits included; a backend that was not asked yet counts as up. One that
  is left out is down.
- `busy`, `free`: whether a request would have to wait. Where neither `parallel` nor the server says how many slots
  there are: whether it works on any.
- `loaded`, `unloaded`: whether the server says that the model is in its memory; one that says nothing counts as loaded.
- `warm`, `cold`: whether it has served an earlier turn of this conversation within the last hour, so that its KV cache
  may still hold it.
- `queue`: how many requests wait for it.

Without a running server (`signalbox explain`, `signalbox test`) nothing is known but what a test says under `given:`;
then it counts as one that has just been started: up, free, cold, with nobody waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from router.config.facts import Facts
from router.config.problems import did_you_mean
from router.config.states import STATES
from router.request.signals import Signals
from router.routing.gates import unhealthy
from router.routing.matches import Flag, Match
from router.routing.values import BadValue, flag, numbers

__all__ = ["FACETS", "NOT_KNOWN", "State", "alternatives", "is_warm"]

NOT_KNOWN = "assumed, without a running server"


@dataclass(frozen=True, slots=True)
class State:
    """One facet of one backend's state."""

    backend: str
    facet: str

    def read(self, signals: Signals) -> Any:
        """The facet now: true or false, for `queue` a number."""
        known = signals.backend
        facts = known.get(self.backend)
        if facts is None:
            return 0 if self.facet == "queue" else self.facet in ("up", "loaded") and not known
        return FACETS[self.facet](facts, signals)

    def tell(self, signals: Signals) -> str:
        """The facet now, for a person."""
        worded = _worded(self.facet, self.read(signals))
        facts = signals.backend.get(self.backend)
        if facts is None:
            return "left out" if signals.backend else f"{worded} ({NOT_KNOWN})"
        if self.facet == "up" and not self.read(signals):
            why = facts.fault if facts.up is False else unhealthy(facts)
            return f"{worded}: {why}" if why else worded
        if facts.load is None:
            return f"{worded} ({NOT_KNOWN})"
        return f"{worded} (assumed, not asked yet)" if self.facet == "up" and facts.up is None else worded


def _worded(facet: str, value: Any) -> str:
    if facet == "queue":
        return f"{value} waiting"
    return next(word for word, meant in STATES.items() if meant == (facet, value))


def is_warm(facts: Facts, signals: Signals) -> bool:
    """The backend has served an earlier turn of this conversation."""
    return facts.load is not None and facts.load.warm.depth(signals.prefixes) > 0


def _is_busy(facts: Facts, signals: Signals) -> bool:
    load = facts.load
    return load is not None and (load.busy > 0 if load.parallel is None else load.taken)


def _queue(facts: Facts, signals: Signals) -> int:
    return facts.load.waiting if facts.load is not None else 0


FACETS: dict[str, Callable[[Facts, Signals], Any]] = {
    "up": lambda facts, signals: unhealthy(facts) is None,
    "busy": _is_busy,
    "loaded": lambda facts, signals: facts.loaded is not False,
    "warm": is_warm,
    "queue": _queue,
}


Wanted = tuple[str, Any, Match]
"""A facet, what the YAML says of it, and that as a match."""


def alternatives(value: Any) -> Iterator[list[Wanted]]:
    """What may stand behind a backend's name, as "any of" lists of "all of". Raises BadValue."""
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise BadValue("has an empty list, so it can never hold")
    for each in listed:
        yield list(_facets(each)) if isinstance(each, dict) else [_word(each)]


def _word(value: Any) -> Wanted:
    if not isinstance(value, str) or value not in STATES:
        known = (*STATES, *FACETS)
        hint = did_you_mean(value, known) if isinstance(value, str) else None
        shown = f'"{value}"' if isinstance(value, str | int | float) else "this"
        raise BadValue(f"does not know {shown}", hint or f'one of {", ".join(STATES)}, or a mapping: {{queue: "< 3"}}')
    facet, wanted = STATES[value]
    return facet, value, Flag(wanted)


def _facets(value: dict[str, Any]) -> Iterator[Wanted]:
    if not value:
        raise BadValue("has an empty mapping", 'write {queue: "< 3"}, or up, busy, loaded and warm with true or false')
    for facet, wanted in value.items():
        if facet == "queue":
            yield facet, {facet: wanted}, _numbers(wanted)
        elif facet in FACETS:
            yield facet, {facet: wanted}, flag(wanted)
        else:
            hint = did_you_mean(str(facet), FACETS) or f"there are: {', '.join(FACETS)}"
            raise BadValue(f"has no `{facet}`", hint)


def _numbers(wanted: Any) -> Match:
    matches: list[Match] = [numbers(each) for each in wanted] if isinstance(wanted, list) else [numbers(wanted)]
    if not matches:
        raise BadValue("has an empty list, so it can never hold")
    return reduce(or_, matches)
