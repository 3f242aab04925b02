"""Finds the first matching route among many without asking them all.

Each `when:` is written out as rows, a row being an "all of" of single conditions, perhaps negated; a route with `any:`
has several rows. Row n is bit n of a Python integer. For each signal a table gives, for the request's value, the rows
that this value does not rule out; the integers are and-ed and the lowest bit left is looked at. The tables only ever
rule out what certainly does not match: what remains is asked in full, so the answer is that of the plain loop.

A signal is read only when the lowest row left asks for it, so an expensive one costs nothing where a cheap one decides.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import product
from typing import Any

import re2

from router.request.signals import Signals
from router.routing.conditions import COST, AllOf, AnyOf, Condition, Holds, Leaf, Not, Term
from router.routing.matches import Absent, Flag, Match, Regex, Spans, Tools, Week, Words

__all__ = ["Index"]

ROWS_PER_ROUTE = 32
"""A `when:` whose rows would be more is indexed by a part of its conditions."""
REMEMBERED = 2048
"""Values per table whose rows are remembered."""
LONGEST_REMEMBERED = 256
"""Characters of a value, and number of tools, up to which it is remembered."""

Literal = tuple[Leaf, bool]
"""A condition, and whether it is negated."""
Rows = list[tuple[Literal, ...]]


class Index:
    """Routes in order, each by its condition."""

    __slots__ = ("_all", "_begins", "_holds", "_later", "_literals", "_reads", "_route", "_tables", "_uses")

    def __init__(self, conditions: Sequence[Condition]):
        literals: list[tuple[Literal, ...]] = []
        self._begins: list[int] = []
        self._route: list[int] = []
        self._holds: list[Holds] = []
        self._later: list[int] = []
        for number, condition in enumerate(conditions):
            rows = _rows(condition.term, False)
            self._begins.append(len(literals))
            literals += rows
            self._route += [number] * len(rows)
            self._holds += [condition.holds] * len(rows)
            self._later += [~((1 << len(literals)) - 1)] * len(rows)
        self._all = (1 << len(literals)) - 1
        self._literals = literals
        self._tables, self._uses = _build(literals)
        self._reads = tuple(table.leaf.read for table in self._tables)

    def first(self, signals: Signals) -> int | None:
        """The number of the first condition that holds; None when none does."""
        rows, unread = self._all, -1
        while rows:
            row = (rows & -rows).bit_length() - 1
            needed = self._uses[row] & unread
            if needed:
                table = (needed & -needed).bit_length() - 1
                unread ^= 1 << table
                rows &= self._tables[table].rows(self._reads[table](signals))
            elif self._holds[row](signals):
                return self._route[row]
            else:
                rows &= self._later[row]
        return None

    def may_cover(self, number: int) -> list[int]:
        """Earlier routes that perhaps hold whenever this one does; the others certainly do not, or only for reasons
        that `Condition.implies` does not see either. One row of this route is taken as the example."""
        begin = self._begins[number]
        rows = (1 << begin) - 1
        example: dict[str, Match | None] = {}
        for leaf, negated in self._literals[begin]:
            example.setdefault(leaf.label, None if negated else leaf.match)
        for table in self._tables:
            if table.leaf.label not in example:
                rows &= table.indifferent
            elif (match := example[table.leaf.label]) is not None:
                rows &= table.implied(match)
        found = []
        while rows:
            row = (rows & -rows).bit_length() - 1
            found.append(self._route[row])
            rows &= self._later[row]
        return found


def _rows(term: Term, negated: bool) -> Rows:
    """The term as "any of" rows. Too many rows become fewer conditions, which rule out less."""
    if isinstance(term, Leaf):
        return [((term, negated),)]
    if isinstance(term, Not):
        return _rows(term.term, not negated)
    parts = [_rows(part, negated) for part in term.terms]
    if isinstance(term, AnyOf if not negated else AllOf):
        either = [row for part in parts for row in part]
        return either if len(either) <= ROWS_PER_ROUTE else [()]
    rows: Rows = [()]
    for part in sorted(parts, key=len):
        if len(rows) * len(part) <= ROWS_PER_ROUTE:
            rows = [left + right for left, right in product(rows, part)]
    return rows


class _Table(ABC):
    """What one signal's value says of the rows. `leaf` is one of the conditions that read it; the rows in
    `indifferent` have none that does."""

    __slots__ = ("indifferent", "leaf")
    leaf: Leaf
    indifferent: int

    @abstractmethod
    def rows(self, value: Any) -> int:
        """The rows that this value does not rule out."""

    def implied(self, match: Match) -> int:
        """The rows that may be implied by a match on this signal: those that one value it allows does not rule out."""
        value = _example(match)
        return -1 if value is ... else self.rows(value)


def _example(match: Match) -> Any:
    """A value that satisfies the match; `...` where none is easily made."""
    if isinstance(match, Flag):
        return match.wanted
    if isinstance(match, Spans):
        return match.spans[0][0]
    if isinstance(match, Absent):
        return None
    words = match.names if isinstance(match, Tools) else match
    if isinstance(words, Words) and (words.exact or words.globs):
        word = min(words.exact) if words.exact else words.globs[0].word.replace("*", "")
        return (word,) if isinstance(match, Tools) else word
    return ...


def _build(literals: Sequence[tuple[Literal, ...]]) -> tuple[tuple[_Table, ...], list[int]]:
    """The tables, cheapest signal first, and for each row a bit for each table that knows of it."""
    asked: dict[str, dict[int, Literal]] = {}
    for row, conditions in enumerate(literals):
        for leaf, negated in conditions:
            # What a backend's state is changes under us, so that nothing can be remembered of it: it is asked in full.
            if leaf.state is None and not (negated and isinstance(leaf.match, Regex)):
                asked.setdefault(leaf.label, {}).setdefault(row, (leaf, negated))
    uses = [0] * len(literals)
    tables: list[_Table] = []
    everything = (1 << len(literals)) - 1
    for by_row in sorted(asked.values(), key=lambda by_row: COST[_any_leaf(by_row).signal]):
        for row in by_row:
            uses[row] |= 1 << len(tables)
        kind = {Regex: _Texts, Spans: _Numbers}.get(type(_any_leaf(by_row).match), _Values)
        tables.append(kind(by_row, everything & ~_bits(by_row)))
    return tuple(tables), uses


def _any_leaf(by_row: dict[int, Literal]) -> Leaf:
    return next(iter(by_row.values()))[0]


class _Values(_Table):
    """A signal with few values: words, flags, tool names, minutes of the week. The rows of a value are remembered."""

    __slots__ = ("_equal", "_others", "_remembered")

    def __init__(self, by_row: dict[int, Literal], indifferent: int):
        self.leaf = _any_leaf(by_row)
        self.indifferent = indifferent
        self._equal: dict[str, int] = {}
        self._others: list[tuple[Callable[[Any], bool], bool, int]] = []
        self._remembered: dict[Any, int] = {}
        for row, (each, negated) in by_row.items():
            match = each.match
            if isinstance(match, Words) and not match.globs and not negated:
                for word in match.exact:
                    self._equal[word] = self._equal.get(word, 0) | 1 << row
            else:
                self._others.append((match.test, negated, 1 << row))

    def rows(self, value: Any) -> int:
        key = Week.minute(value) if isinstance(value, datetime) else value
        rows = self._remembered.get(key)
        return self._worked_out(value, key) if rows is None else rows

    def _worked_out(self, value: Any, key: Any) -> int:
        rows = self.indifferent
        if isinstance(value, str):
            rows |= self._equal.get(value, 0)
        for test, negated, bit in self._others:
            if test(value) is not negated:
                rows |= bit
        if not isinstance(value, str | tuple) or len(value) <= LONGEST_REMEMBERED:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = rows
        return rows


class _Numbers(_Table):
    """A signal that is a number: between two neighbouring bounds of the conditions the rows are the same."""

    __slots__ = ("_bounds", "_none", "_rows")

    def __init__(self, by_row: dict[int, Literal], indifferent: int):
        self.leaf = _any_leaf(by_row)
        flips: dict[int, int] = {}
        rows = self._none = self.indifferent = indifferent
        for row, (leaf, negated) in by_row.items():
            if negated:
                rows |= 1 << row
                self._none |= 1 << row
            assert isinstance(leaf.match, Spans)
            for low, high in leaf.match.spans:
                flips[low] = flips.get(low, 0) ^ 1 << row
                if high is not None:
                    flips[high + 1] = flips.get(high + 1, 0) ^ 1 << row
        self._bounds = sorted(flips)
        self._rows = [rows]
        for bound in self._bounds:
            rows ^= flips[bound]
            self._rows.append(rows)

    def rows(self, value: Any) -> int:
        return self._none if value is None else self._rows[bisect_right(self._bounds, value)]


class _Texts(_Table):
    """Regular expressions on one text: one pass for words that must occur tells which of them can match at all.

    RE2's filter takes time linear in the text. It answers "nothing" should it run out of memory: the sentinel that
    then is not found shows it.
    """

    __slots__ = ("_filter", "_rows", "_rows_of", "_sentinel")

    SENTINEL = "\x02signalbox-sentinel\x03"

    def __init__(self, by_row: dict[int, Literal], indifferent: int):
        self.leaf = _any_leaf(by_row)
        self.indifferent = indifferent
        self._rows_of: dict[str, int] = {}
        for row, (leaf, _) in by_row.items():
            assert isinstance(leaf.match, Regex)
            for pattern in leaf.match.patterns:
                self._rows_of[pattern] = self._rows_of.get(pattern, 0) | 1 << row
        self._rows = [*self._rows_of.values(), 0]
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        self._filter = re2.Filter()
        for pattern in (*self._rows_of, re.escape(self.SENTINEL)):
            self._sentinel = self._filter.Add(pattern, options)
        self._filter.Compile()

    def rows(self, value: Any) -> int:
        possible = self._filter.Match(Regex.seen(value) + self.SENTINEL.encode(), potential=True) or ()
        rows = self.indifferent
        for number in possible if self._sentinel in possible else range(len(self._rows)):
            rows |= self._rows[number]
        return rows

    def implied(self, match: Match) -> int:
        assert isinstance(match, Regex)
        return self.indifferent | self._rows_of.get(match.patterns[0], 0)


def _bits(rows: Iterable[int]) -> int:
    bits = 0
    for row in rows:
        bits |= 1 << row
    return bits
