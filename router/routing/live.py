"""The signal `backend`: the state that a backend is in right now, as a `when:` asks for it.

    backend: {qwen: up}                      a word: up, down, busy, free, warm, cold
    backend: {qwen: [down, busy]}            one of these
    backend: {qwen: {queue: "< 3", up: true}, haiku: up}      all of these

- `up`, `down`: as the gates see it; a backend that was not asked yet counts as up. One that is left out is down.
- `busy`, `free`: whether a request would have to wait. Where `parallel` is not said: whether it works on any.
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
from router.routing.matches import Flag, Match
from router.routing.values import BadValue, flag, numbers

__all__ = ["FACETS", "NOT_KNOWN", "State", "alternatives", "is_warm"]

NOT_KNOWN = "not known without a running server; taken as"


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
            return not known if self.facet == "up" else 0 if self.facet == "queue" else False
        return FACETS[self.facet](facts, signals)

    def tell(self, signals: Signals) -> str:
        """The facet now, for a person."""
        value = self.read(signals)
        facts = signals.backend.get(self.backend)
        if facts is None:
            return "left out" if signals.backend else f"{NOT_KNOWN} {_worded(self.facet, value)}"
        if self.facet == "up" and facts.up is not None:
            return f"down: {facts.fault}" if facts.up is False and facts.fault else _worded("up", value)
        if self.facet != "up" and facts.load is not None:
            return _worded(self.facet, value)
        not_asked = "not asked yet; taken as" if facts.load is not None else NOT_KNOWN
        return f"{not_asked} {_worded(self.facet, value)}"


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
    "up": lambda facts, signals: facts.up is not False,
    "busy": _is_busy,
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
        raise BadValue("has an empty mapping", 'write {queue: "< 3"}, or up, busy and warm with true or false')
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
