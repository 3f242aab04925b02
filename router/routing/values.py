"""What may stand behind a signal in a `when:`, read into a match; what may not is refused with a hint."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from router.config.problems import did_you_mean
from router.routing.matches import Absent, Flag, Glob, Match, Regex, Spans, Tools, Week, Words

__all__ = [
    "BadValue",
    "Reader",
    "days",
    "flag",
    "header",
    "language",
    "numbers",
    "one_of",
    "percent",
    "text",
    "tools",
    "word",
]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_NUMBER = r"(\d+(?:\.\d+)?)\s*([kKmM]?)"
_COMPARISON = re.compile(rf"(<=|>=|<|>)?\s*{_NUMBER}")
_RANGE = re.compile(rf"{_NUMBER}\s*\.\.\s*{_NUMBER}")
_HOURS = re.compile(r"(\d{1,2}):(\d\d)\.\.(\d{1,2}):(\d\d)")
_SCALE = {"": 1, "k": 1000, "m": 1_000_000}

NUMBER_HINT = 'write 5, "< 2000", ">= 8k" or "1k..32k"; 1k is 1000'
TIME_HINT = 'write "22:00..07:00", "mon..fri", "sat" or "mon..fri 09:00..17:00"; add a list for several'


class BadValue(ValueError):
    """A value that its signal does not take. `hint` says what it does take."""

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


Reader = Callable[[Any], Match]
"""Reads one value, not a list. Raises BadValue."""


def flag(value: Any) -> Flag:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise BadValue(f"takes true or false, not {_shown(value)}", "write true or false, without quotes")
    return Flag(value)


def word(value: Any) -> Words:
    """Any text; `*` stands for any characters. A number is taken as it is spelled."""
    return Words.of([_text(value)])


def language(value: Any) -> Words:
    """The name of a programming language, in any case."""
    return Words.of([_text(value).lower()])


def one_of(known: Collection[str]) -> Reader:
    """A reader of words of a closed list; with `*`, at least one of them must fit."""

    def read(value: Any) -> Words:
        said = _text(value)
        if not any(map(Glob(said).test, known)) if "*" in said else said not in known:
            raise BadValue(f"does not know {_shown(said)}", did_you_mean(said, known) or f"one of {', '.join(known)}")
        return Words.of([said])

    return read


def header(value: Any) -> Match:
    """`true`: the header was sent, with whatever value; `false`: it was not; else its value, `*` allowed."""
    if isinstance(value, bool):
        return Words.of(["*"]) if value else Absent()
    return word(value)


def numbers(value: Any) -> Spans:
    """`5`, `"< 2000"`, `"<= 2k"`, `">= 8k"`, `"> 1"`, or `"1k..32k"`, which includes both ends."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Spans(((value, value),))
    said = value.strip() if isinstance(value, str) else ""
    if match := _RANGE.fullmatch(said):
        low, high = _whole(match[1], match[2]), _whole(match[3], match[4])
        if low > high:
            raise BadValue(f"has the range {_shown(value)}, which ends before it begins", NUMBER_HINT)
        return Spans(((low, high),))
    if match := _COMPARISON.fullmatch(said):
        return _compared(match[1] or "", _whole(match[2], match[3]))
    raise BadValue(f"takes a number, a comparison or a range, not {_shown(value)}", NUMBER_HINT)


def percent(value: Any) -> Spans:
    """As `numbers`; each may have a `%` behind it: `">= 80%"`."""
    return numbers(value.replace("%", "") if isinstance(value, str) else value)


def _compared(operator: str, number: int) -> Spans:
    if operator == "<" and number == 0:
        raise BadValue('says "< 0", which nothing is', NUMBER_HINT)
    spans = {
        "": (number, number),
        "<": (0, number - 1),
        "<=": (0, number),
        ">": (number + 1, None),
        ">=": (number, None),
    }
    return Spans((spans[operator],))


def _whole(digits: str, unit: str) -> int:
    number = float(digits) * _SCALE[unit.lower()]
    if not number.is_integer():
        raise BadValue(f"counts in whole numbers, and {digits}{unit} is none", NUMBER_HINT)
    return int(number)


def tools(value: Any) -> Tools:
    """`true`: any; `false`: none; a number or comparison: how many; a name, `*` allowed: it is among them."""
    if isinstance(value, bool):
        return Tools(count=Spans(((1, None),) if value else ((0, 0),)))
    if isinstance(value, int) or (isinstance(value, str) and re.match(r"\s*[<>\d]", value)):
        return Tools(count=numbers(value))
    return Tools(names=word(value))


def text(value: Any) -> Regex:
    """A regular expression of RE2's syntax, found anywhere; letter case is ignored unless it says `(?-i)`."""
    if not isinstance(value, str) or not value:
        raise BadValue(f"takes a regular expression, not {_shown(value)}", 'write it in quotes: "translate|übersetz"')
    try:
        return Regex((value,))
    except ValueError as error:
        hint = None
        if "(?" in value or "\\" in value:
            hint = "the syntax is RE2's: no look-around and no back-references, so that no text can make it slow"
        raise BadValue(f"has a bad regular expression: {error}", hint) from None


def days(value: Any) -> Week:
    """Hours, weekdays, or both: `"22:00..07:00"` ends the next morning, on whichever day it began."""
    said = value.lower().split() if isinstance(value, str) else []
    hours = said.pop() if said and _HOURS.fullmatch(said[-1]) else None
    if len(said) > 1 or (not said and hours is None):
        raise BadValue(f"takes hours and weekdays, not {_shown(value)}", TIME_HINT)
    chosen = _days(said[0]) if said else range(7)
    begin, end = _hours(hours) if hours else (0, 24 * 60)
    return Week.of(chosen, begin, end)


def _days(said: str) -> Sequence[int]:
    first, dots, last = said.partition("..")
    begin, end = _day(first), _day(last if dots else first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _day(said: str) -> int:
    for names in (DAYS, DAY_NAMES):
        if said in names:
            return names.index(said)
    raise BadValue(f"does not know the weekday {_shown(said)}", did_you_mean(said, DAYS) or TIME_HINT)


def _hours(said: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(said)
    assert match is not None
    begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    late = begin >= 24 * 60 or end > 24 * 60 or int(match[2]) > 59 or int(match[4]) > 59
    if late or begin == end:
        reason = "is no time of the day" if late else "ends when it begins"
        raise BadValue(f"has {_shown(said)}, which {reason}", TIME_HINT)
    return begin, end


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadValue(f"takes a text, not {_shown(value)}", "write a word, or a list of words for one of them")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f'"{value}"' if isinstance(value, str) else str(value)
