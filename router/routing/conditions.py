"""The `when:` of a route, compiled once: a tree of conditions that is either asked quickly or told in full.

A mapping is "all of"; `any:` and `all:` take lists of mappings, `not:` a mapping or a list none of which may hold; a
list as a signal's value is "one of". What each signal takes is read in `values.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import attrgetter, or_
from typing import Any

from router.config.problems import Place, Problem, did_you_mean
from router.request.credentials import sounds_secret
from router.request.signals import HARNESSES, NAMES, TASKS, Signals
from router.routing import live, values
from router.routing.matches import Flag, Match, Tools, Words
from router.routing.values import BadValue, Reader

__all__ = ["COST", "AllOf", "AnyOf", "Condition", "Leaf", "Not", "Term", "compile_when", "leaves"]

CHEAP_FIRST = (
    "model", "path", "key", "dialect", "stream", "json", "max_tokens", "header", "time", "budget", "tools", "tool_loop",
    "image", "audio", "file", "backend", "turns", "system", "harness", "text", "language", "tokens", "task",
)  # fmt: skip
COST = {name: rank for rank, name in enumerate(CHEAP_FIRST)}
"""What a signal costs to know, cheapest first: within "all of" the cheap ones are asked first."""

DIALECTS = ("openai", "responses", "anthropic")
GROUPS = ("any", "all", "not")
HIDDEN = "(not shown)"
"""Stands in a trace for the values of headers that sound secret, and for what a rule wants them to be."""

READERS: dict[str, Reader] = {
    "model": values.word,
    "path": values.word,
    "dialect": values.one_of(DIALECTS),
    "harness": values.one_of(HARNESSES),
    "key": values.word,
    "task": values.one_of(TASKS),
    "image": values.flag,
    "audio": values.flag,
    "file": values.flag,
    "tools": values.tools,
    "tool_loop": values.flag,
    "tokens": values.numbers,
    "max_tokens": values.numbers,
    "turns": values.numbers,
    "stream": values.flag,
    "json": values.flag,
    "language": values.language,
    "text": values.text,
    "system": values.text,
    "time": values.days,
    "budget": values.percent,
}
TEXT_SHOWN = 160
"""Characters of a text that a trace shows."""

Holds = Callable[[Signals], bool]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One signal, or one header, against what it must be."""

    signal: str
    wanted: Any
    """As the YAML has it."""
    match: Match
    header: str | None = None
    state: live.State | None = None

    @property
    def label(self) -> str:
        """The signal, for a header with its name, for a backend with its name and what of it is asked."""
        if self.state is not None:
            return f"backend {self.state.backend} {self.state.facet}"
        return f"header {self.header}" if self.header else self.signal

    def read(self, signals: Signals) -> Any:
        """The signal's value."""
        if self.state is not None:
            return self.state.read(signals)
        return getattr(signals, self.signal) if self.header is None else signals.header(self.header)


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these; without any it always holds."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not this."""

    term: Term


Term = Leaf | AllOf | AnyOf | Not


class Condition:
    """A whole `when:`. `holds` is for every request, `trace` for the person who asks why."""

    __slots__ = ("holds", "term")

    def __init__(self, term: AllOf):
        self.term = term
        self.holds: Holds = _asked(term)

    def trace(self, signals: Signals) -> list[dict[str, Any]]:
        """Each condition with `signal`, `wanted` (as in the YAML), `found` and `ok`; all of them are judged, also
        after one that fails. `any` and `not` are one entry each, so that a route matches when all entries are ok."""
        return [_judged(term, signals) for term in _flat(self.term)]

    def implies(self, other: Condition) -> bool:
        """True when each request for which this holds certainly satisfies `other` as well."""
        return _implies(self.term, other.term)


def compile_when(when: Mapping[str, Any], place: Place, problems: list[Problem]) -> Condition:
    """Read a `when:` that stands at `place`. Faults are added to `problems`; what is faulty is left out of the
    condition, which then must not be used."""
    return Condition(AllOf(tuple(_terms(when, place, problems))))


def _terms(when: Mapping[str, Any], place: Place, problems: list[Problem]) -> Iterator[Term]:
    for name, value in when.items():
        here = (*place, name)
        if name in GROUPS:
            term = _group(name, value, here, problems)
            if term is not None:
                yield term
        elif name == "header":
            yield from _headers(value, here, problems)
        elif name == "backend":
            yield from _backends(value, here, problems)
        elif name in READERS:
            match = _match(name, READERS[name], value, here, problems)
            if match is not None:
                yield Leaf(name, value, match)
        else:
            hint = did_you_mean(str(name), (*NAMES, *GROUPS)) or f"there are: {', '.join((*NAMES, *GROUPS))}"
            problems.append(Problem(f"there is no signal `{name}`", here, hint))


def _group(name: str, value: Any, place: Place, problems: list[Problem]) -> Term | None:
    listed = [value] if name == "not" and isinstance(value, dict) else value
    if not isinstance(listed, list) or not listed:
        takes = "a mapping or a list of mappings" if name == "not" else "a list of mappings"
        problems.append(Problem(f"`{name}:` takes {takes} of conditions", place, "begin each with a dash"))
        return None
    terms: list[Term] = []
    for index, entry in enumerate(listed):
        here = place if listed is not value else (*place, index)
        if not isinstance(entry, dict) or not entry:
            problems.append(Problem(f"an entry of `{name}:` is a mapping of conditions", here, "such as `task: code`"))
        else:
            inner = tuple(_terms(entry, here, problems))
            terms.append(inner[0] if len(inner) == 1 else AllOf(inner))
    if name == "all":
        return AllOf(tuple(terms))
    either = terms[0] if len(terms) == 1 else AnyOf(tuple(terms))
    return either if name == "any" else Not(either)


def _headers(value: Any, place: Place, problems: list[Problem]) -> Iterator[Leaf]:
    if not isinstance(value, dict) or not value:
        problems.append(Problem("`header` takes a mapping of header names to values", place, "such as {x-task: world}"))
        return
    for name, wanted in value.items():
        match = _match(f"header {name}", values.header, wanted, (*place, name), problems)
        if match is not None:
            yield Leaf("header", {name: wanted}, match, str(name).lower())


def _backends(value: Any, place: Place, problems: list[Problem]) -> Iterator[Term]:
    if not isinstance(value, dict) or not value:
        problems.append(Problem("`backend` takes a mapping of backends to states", place, "such as {qwen-coder: up}"))
        return
    for name, wanted in value.items():
        terms: list[Term] = []
        try:
            for facets in live.alternatives(wanted):
                leaves = tuple(
                    Leaf("backend", {name: said}, match, state=live.State(name, facet)) for facet, said, match in facets
                )
                terms.append(leaves[0] if len(leaves) == 1 else AllOf(leaves))
        except BadValue as error:
            problems.append(Problem(f"`backend {name}` {error}", (*place, name), error.hint))
        else:
            yield terms[0] if len(terms) == 1 else AnyOf(tuple(terms))


def _match(label: str, read: Reader, value: Any, place: Place, problems: list[Problem]) -> Match | None:
    """The match for a value or for one of a list of values."""
    listed = value if isinstance(value, list) else [value]
    matches: list[Match] = []
    if not listed:
        problems.append(Problem(f"`{label}` has an empty list, so it can never hold", place))
    for index, each in enumerate(listed):
        here = (*place, index) if isinstance(value, list) else place
        try:
            match = read(each)
        except BadValue as error:
            problems.append(Problem(f"`{label}` {error}", here, error.hint))
            continue
        matches.append(match)
    if len(matches) > 1 and any(isinstance(each, bool) for each in listed):
        problems.append(Problem(f"`{label}` takes true or false alone, not in a list", place))
        return None
    return reduce(or_, matches) if matches else None


def _asked(term: Term) -> Holds:
    """The term as one function."""
    if isinstance(term, Leaf):
        return _leaf_asked(term)
    if isinstance(term, Not):
        inner = _asked(term.term)
        return lambda signals: not inner(signals)
    parts = tuple(_asked(part) for part in sorted(term.terms, key=_cost))
    if len(parts) == 1:
        return parts[0]
    decisive = isinstance(term, AnyOf)

    def holds(signals: Signals) -> bool:
        for part in parts:
            if part(signals) is decisive:
                return decisive
        return not decisive

    return holds


def _leaf_asked(leaf: Leaf) -> Holds:
    test, name = leaf.match.test, leaf.header
    if name is not None:
        return lambda signals: test(signals.header(name))
    if leaf.state is not None:
        state = leaf.state.read
        return lambda signals: test(state(signals))
    read = attrgetter(leaf.signal)
    match = leaf.match
    if isinstance(match, Flag):
        wanted = match.wanted
        return lambda signals: read(signals) is wanted
    if isinstance(match, Words) and not match.globs:
        exact = match.exact
        return lambda signals: read(signals) in exact
    return lambda signals: test(read(signals))


def _cost(term: Term) -> int:
    if isinstance(term, Leaf):
        return COST[term.signal]
    return max(map(_cost, (term.term,) if isinstance(term, Not) else term.terms), default=0)


def _flat(term: Term) -> Iterator[Term]:
    """The entries of a trace: "all of" within "all of" is one list."""
    for part in term.terms if isinstance(term, AllOf) else (term,):
        if isinstance(part, AllOf):
            yield from _flat(part)
        else:
            yield part


def _judged(term: Term, signals: Signals) -> dict[str, Any]:
    if isinstance(term, Leaf):
        signal, wanted, found = term.signal, term.wanted, _found(term, signals)
        if term.header is not None:
            found = {term.header: found}
        elif term.state is not None:
            found = {term.state.backend: found}
        wanted = dict.fromkeys(wanted, HIDDEN) if term.header is not None and _is_hidden(term) else wanted
    else:
        inner = term.term if isinstance(term, Not) else term
        signal, wanted = ("not" if isinstance(term, Not) else "any"), _told(inner)
        found = {leaf.label: _found(leaf, signals) for leaf in leaves(inner)}
    return {"signal": signal, "wanted": wanted, "found": found, "ok": _asked(term)(signals)}


def leaves(term: Term) -> Iterator[Leaf]:
    """The single conditions of a term."""
    if isinstance(term, Leaf):
        yield term
    else:
        for part in (term.term,) if isinstance(term, Not) else term.terms:
            yield from leaves(part)


def _found(leaf: Leaf, signals: Signals) -> Any:
    if leaf.state is not None:
        return leaf.state.tell(signals)
    value = leaf.read(signals)
    if value is not None and leaf.header is not None and sounds_secret(leaf.header):
        return HIDDEN
    if isinstance(leaf.match, Tools):
        return list(value) if leaf.match.names.exact or leaf.match.names.globs else len(value)
    if leaf.signal == "time":
        return f"{value:%a %Y-%m-%d %H:%M}"
    if isinstance(value, str) and len(value) > TEXT_SHOWN:
        return f"{value[:TEXT_SHOWN]}… ({len(value):,} characters)"
    return value


def _is_hidden(leaf: Leaf) -> bool:
    """It holds a secret header against more than being there."""
    return leaf.header is not None and sounds_secret(leaf.header) and not isinstance(_of_header(leaf), bool)


def _of_header(leaf: Leaf) -> Any:
    return next(iter(leaf.wanted.values()))


def _told(term: Term) -> str:
    """A term in words: `task title or summary; or tokens < 2000`."""
    if isinstance(term, Leaf) and term.state is not None:
        said = term.wanted[term.state.backend]
        return (
            f"{term.label} {said[term.state.facet]}"
            if isinstance(said, dict)
            else f"backend {term.state.backend} {said}"
        )
    if isinstance(term, Leaf):
        wanted = term.wanted if not term.header else HIDDEN if _is_hidden(term) else _of_header(term)
        several = wanted if isinstance(wanted, list) else [wanted]
        return f"{term.label} {' or '.join(str(w).lower() if isinstance(w, bool) else str(w) for w in several)}"
    if isinstance(term, Not):
        return f"not ({_told(term.term)})"
    if isinstance(term, AnyOf):
        return "; or ".join(map(_told, term.terms))
    return " and ".join(f"({_told(part)})" if isinstance(part, AnyOf) else _told(part) for part in term.terms)


def _implies(one: Term, other: Term) -> bool:
    if isinstance(other, AllOf):
        return all(_implies(one, part) for part in other.terms)
    if isinstance(one, AnyOf):
        return all(_implies(part, other) for part in one.terms)
    if isinstance(one, Not) and isinstance(other, Not):
        return _implies(other.term, one.term)
    if isinstance(other, AnyOf) and any(_implies(one, part) for part in other.terms):
        return True
    if isinstance(one, AllOf):
        return any(_implies(part, other) for part in one.terms)
    if isinstance(one, Leaf) and isinstance(other, Leaf):
        return one.label == other.label and one.match.implies(other.match)
    return False
