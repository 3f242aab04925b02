"""What a signal's value must be: one small class per form that a `when:` may take.

Each has `test(value)`, which is run for every request, `|` for "one of", and `implies(other)`, by which a route that
can never be reached is found. `implies` is sound and not complete: True only when it is certain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import re2

__all__ = ["REGEX_WINDOW", "Absent", "Flag", "Glob", "Match", "Regex", "Spans", "Tools", "Week", "Words", "regex"]

REGEX_WINDOW = 16_384
"""Of a text longer than twice this, a regular expression sees the first and the last so many characters."""

MINUTES = 7 * 24 * 60

Span = tuple[int, int | None]
"""Both ends belong to it; None: no upper end."""


class Match(ABC):
    """What all forms share."""

    __slots__ = ()

    @abstractmethod
    def test(self, value: Any) -> bool:
        """Does the value satisfy it? None stands for a value that the request does not have."""

    def __or__(self, other: Any) -> Match:
        """Either of two of the same form; TypeError for forms that come one at a time."""
        return NotImplemented

    def implies(self, other: Match) -> bool:
        """True when each value that satisfies this certainly satisfies `other`."""
        return self == other


@dataclass(frozen=True, slots=True)
class Flag(Match):
    """A signal that is true or false."""

    wanted: bool

    def test(self, value: Any) -> bool:
        return value is self.wanted


@dataclass(frozen=True, slots=True)
class Absent(Match):
    """A header that was not sent."""

    def test(self, value: Any) -> bool:
        return value is None


class Glob:
    """A word in which `*` stands for any characters, none included. Takes time linear in the value per star."""

    __slots__ = ("middle", "prefix", "shortest", "suffix", "word")

    def __init__(self, word: str):
        self.word = word
        self.prefix, *middle, self.suffix = word.split("*")
        self.middle = tuple(filter(None, middle))
        self.shortest = len(word) - word.count("*")

    def test(self, value: str) -> bool:
        """Is the whole value matched? Case matters."""
        if len(value) < self.shortest or not value.startswith(self.prefix) or not value.endswith(self.suffix):
            return False
        at, end = len(self.prefix), len(value) - len(self.suffix)
        for piece in self.middle:
            found = value.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    def implies(self, other: Glob) -> bool:
        """Certain when they are equal, or `other` is only a prefix of this one's beginning and a star."""
        only_prefix = not other.middle and not other.suffix
        return self == other or (only_prefix and self.prefix.startswith(other.prefix))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glob) and other.word == self.word

    def __hash__(self) -> int:
        return hash(self.word)


@dataclass(frozen=True, slots=True)
class Words(Match):
    """One of some words, some of which may hold `*`."""

    exact: frozenset[str] = frozenset()
    globs: tuple[Glob, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> Words:
        """Words as the YAML has them."""
        listed = list(dict.fromkeys(words))
        return cls(frozenset(w for w in listed if "*" not in w), tuple(Glob(w) for w in listed if "*" in w))

    def test(self, value: Any) -> bool:
        if value in self.exact:
            return True
        if value is not None:
            for glob in self.globs:
                if glob.test(value):
                    return True
        return False

    def __or__(self, other: Any) -> Words:
        return Words(self.exact | other.exact, tuple(dict.fromkeys(self.globs + other.globs)))

    def implies(self, other: Match) -> bool:
        if not isinstance(other, Words):
            return False
        return all(map(other.test, self.exact)) and all(any(map(glob.implies, other.globs)) for glob in self.globs)


@dataclass(frozen=True, slots=True)
class Spans(Match):
    """Whole numbers within one of some ranges, which are kept in order and apart from each other."""

    spans: tuple[Span, ...]

    def test(self, value: Any) -> bool:
        if value is None:
            return False
        for low, high in self.spans:  # noqa: SIM110 - a generator costs three times as much
            if low <= value and (high is None or value <= high):
                return True
        return False

    def __or__(self, other: Any) -> Spans:
        merged: list[Span] = []
        for low, high in sorted((*self.spans, *other.spans), key=lambda span: span[0]):
            if merged and (merged[-1][1] is None or low <= merged[-1][1] + 1):
                last_low, last_high = merged[-1]
                merged[-1] = (last_low, None if last_high is None or high is None else max(last_high, high))
            else:
                merged.append((low, high))
        return Spans(tuple(merged))

    def implies(self, other: Match) -> bool:
        return isinstance(other, Spans) and all(any(_within(mine, one) for one in other.spans) for mine in self.spans)


def _within(inner: Span, outer: Span) -> bool:
    low_enough = outer[1] is None or (inner[1] is not None and inner[1] <= outer[1])
    return outer[0] <= inner[0] and low_enough


@dataclass(frozen=True, slots=True)
class Tools(Match):
    """The tools a request offers: how many, or that one of some names is among them."""

    count: Spans = Spans(())
    names: Words = Words()

    def test(self, value: Any) -> bool:
        return self.count.test(len(value)) or any(map(self.names.test, value))

    def __or__(self, other: Any) -> Tools:
        return Tools(self.count | other.count, self.names | other.names)

    def implies(self, other: Match) -> bool:
        if not isinstance(other, Tools) or not self.count.implies(other.count):
            return False
        some = Spans(((1, None),))  # who names a tool asks for at least one
        return self.names.implies(other.names) or some.implies(other.count)


def regex(pattern: str) -> Any:
    """Compiled by RE2, which takes time linear in the text whatever the pattern: a client can send no text that
    stalls the proxy. Letter case is ignored unless the pattern says `(?-i)`. Raises ValueError with RE2's reason."""
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None


@dataclass(frozen=True, slots=True)
class Regex(Match):
    """A text in which one of some regular expressions is found. Raises ValueError for a bad one."""

    patterns: tuple[str, ...]
    _search: Any = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_search", regex(self.joined).search)

    @property
    def joined(self) -> str:
        """All patterns as one."""
        return self.patterns[0] if len(self.patterns) == 1 else "|".join(f"(?:{each})" for each in self.patterns)

    @staticmethod
    def seen(text: str) -> bytes:
        """The part of the text that is looked at, as RE2 wants it. Half a surrogate pair, which JSON can spell and
        UTF-8 cannot, becomes a question mark."""
        if len(text) > 2 * REGEX_WINDOW:
            text = f"{text[:REGEX_WINDOW]}\n{text[-REGEX_WINDOW:]}"
        return text.encode("utf-8", "replace")

    def test(self, value: Any) -> bool:
        return self._search(self.seen(value)) is not None

    def __or__(self, other: Any) -> Regex:
        return Regex(tuple(dict.fromkeys(self.patterns + other.patterns)))

    def implies(self, other: Match) -> bool:
        return isinstance(other, Regex) and set(self.patterns) <= set(other.patterns)


@dataclass(frozen=True, slots=True)
class Week(Match):
    """Minutes of the week, Monday 00:00 being bit 0 of `minutes`."""

    minutes: int

    @classmethod
    def of(cls, days: Iterable[int], begin: int, end: int) -> Week:
        """From minute `begin` of each of the days (Monday is 0) up to `end`; on the next day when `end` is earlier."""
        length = end - begin if end > begin else end - begin + 24 * 60
        minutes = 0
        for day in days:
            minutes |= ((1 << length) - 1) << (day * 24 * 60 + begin)
        return cls((minutes | minutes >> MINUTES) & ((1 << MINUTES) - 1))

    @staticmethod
    def minute(value: datetime) -> int:
        """The minute of the week."""
        return (value.weekday() * 24 + value.hour) * 60 + value.minute

    def test(self, value: Any) -> bool:
        return bool(self.minutes >> self.minute(value) & 1)

    def __or__(self, other: Any) -> Week:
        return Week(self.minutes | other.minutes)

    def implies(self, other: Match) -> bool:
        return isinstance(other, Week) and self.minutes & ~other.minutes == 0
