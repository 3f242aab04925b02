"""How people describe a switch yard to a chat model: styles that each state the whole contents of its four tracks.

Written without a look at what the reader of `kind: world` knows or was trained on, and never used in training. Where
a style does not say so otherwise, a track is told from its buffer stop to the switch. Every style calls the things
`track` and `wagon` (or `T1` … `T4`); `bench.yard_phrasings` puts a person's own words in their place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from random import Random

from router.world.yard.state import CAPACITY, WAGONS, Yard

__all__ = ["LOWERCASE", "NUMBERS", "ORDINALS", "STATES", "StateStyle"]

StateStyle = Callable[[Yard, Random], str]
ORDINALS = ("first", "second", "third", "fourth")
NUMBERS = ("one", "two", "three", "four")

STATES: dict[str, StateStyle] = {}
LOWERCASE = frozenset({"hurried", "phone"})
"""Styles of people who write no capitals: wagons are single small letters here, and no word `a` stands beside them."""


def _style(style: StateStyle) -> StateStyle:
    STATES[style.__name__] = style
    return style


def _and(words: Iterable[object], last: str = " and ") -> str:
    """`A`, `A and B`, `A, B and C`."""
    *front, end = map(str, words)
    return (", ".join(front) + last if front else "") + end


def _wagons(wagons: str) -> str:
    return f"wagon{'s' * (len(wagons) > 1)} {_and(wagons)}"


def _numbered(yard: Yard) -> list[tuple[int, str]]:
    return list(enumerate(yard.tracks, 1))


def _empty(yard: Yard) -> list[int]:
    return [n for n, wagons in _numbered(yard) if not wagons]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# Sentences


@_style
def holds(yard: Yard, rng: Random) -> str:
    verb, empty = rng.choice(("holds", "has", "contains")), rng.choice(("is empty", "holds nothing", "has no wagons"))
    return " ".join(f"Track {n} {verb} {_and(w)}." if w else f"Track {n} {empty}." for n, w in _numbered(yard))


@_style
def stand_on(yard: Yard, rng: Random) -> str:
    nothing = rng.choice(("nothing", "no wagon"))
    parts = [
        f"on the {which} track stand{'s' * (len(w) < 2)} {_and(w) if w else nothing}"
        for which, w in zip(ORDINALS, yard.tracks, strict=True)
    ]
    return ". ".join(map(_capital, parts)) + "."


@_style
def counted(yard: Yard, rng: Random) -> str:
    parts = [
        f"{len(w)} wagon{'s' * (len(w) > 1)} on track {n} ({', '.join(w)})" if w else f"none on track {n}"
        for n, w in _numbered(yard)
    ]
    return f"We have {_and(parts)}."


@_style
def radio(yard: Yard, rng: Random) -> str:
    """A dispatcher reads the yard out."""
    clear = rng.choice(("clear", "vacant"))
    return " ".join(
        f"Track {number}, {NUMBERS[len(w) - 1]} wagon{'s' * (len(w) > 1)}, {', '.join(w)}."
        if w
        else f"Track {number}, {clear}."
        for number, w in zip(NUMBERS, yard.tracks, strict=True)
    )


@_style
def child(yard: Yard, rng: Random) -> str:
    parts = []
    for n, w in _numbered(yard):
        if not w:
            parts.append(f"There is nothing on track {n}.")
        elif len(w) == 1:
            parts.append(f"On track {n} there is only {w}.")
        else:
            parts.append(
                f"On track {n} there is {w[0]} first, right at the bumper, and then {' and then '.join(w[1:])}."
            )
    return " ".join(parts)


@_style
def courteous(yard: Yard, rng: Random) -> str:
    parts = [
        f"the {which} carries, from its buffer stop outwards, {_and(w, ' and lastly ')}"
        if w
        else f"the {which} is free"
        for which, w in zip(ORDINALS, yard.tracks, strict=True)
    ]
    return f"Of the four tracks, {'; '.join(parts)}."


@_style
def learner(yard: Yard, rng: Random) -> str:
    """Somebody who learns English."""
    return " ".join(
        f"In track number {n} is standing {', then '.join(w)}." if w else f"In track number {n} is standing nothing."
        for n, w in _numbered(yard)
    )


@_style
def parked(yard: Yard, rng: Random) -> str:
    free = rng.choice(("has been left free", "is unused"))
    parts = [f"{_and(w)} {'is' if len(w) == 1 else 'are'} parked on track {n}" for n, w in _numbered(yard) if w]
    return "; ".join(parts + [f"track {n} {free}" for n in _empty(yard)]) + "."


@_style
def ends(yard: Yard, rng: Random) -> str:
    """Says what stands at either end of a track."""
    parts = []
    for n, w in _numbered(yard):
        if not w:
            parts.append(f"nothing stands on track {n}")
        elif len(w) == 1:
            parts.append(f"track {n} has just {w}")
        else:
            middle = f"then {_and(w[1:-1], ' and then ')}, " if len(w) > 2 else ""
            parts.append(f"track {n} has {w[0]} at the buffer stop, {middle}and {w[-1]} next to the switch")
    return ". ".join(map(_capital, parts)) + "."


@_style
def hobbyist(yard: Yard, rng: Random) -> str:
    parts = [
        f"track {n}, from the buffers to the points, is {'-'.join(w)}" if w else f"track {n} is bare"
        for n, w in _numbered(yard)
    ]
    return f"On my layout {_and(parts)}."


@_style
def others_empty(yard: Yard, rng: Random) -> str:
    used = [(n, w) for n, w in _numbered(yard) if w]
    told = "; ".join(f"{_wagons(w)} on track {n}" for n, w in used)
    rest = rng.choice(("all other tracks are empty", "there is nothing on the others", "the rest are empty"))
    return f"{_capital(told)}." if len(used) == len(yard.tracks) else f"{_capital(told)}; {rest}."


@_style
def only_occupied(yard: Yard, rng: Random) -> str:
    used = [(n, w) for n, w in _numbered(yard) if w]
    told = _and(f"track {n} ({' then '.join(w)})" for n, w in used)
    if len(used) == 1:
        return f"The only track in use is {told}."
    return f"All four tracks are in use: {told}." if len(used) == 4 else f"The only tracks in use are {told}."


@_style
def any_order(yard: Yard, rng: Random) -> str:
    used = [(n, w) for n, w in _numbered(yard) if w]
    rng.shuffle(used)
    empty = _empty(yard)
    told = [f"Track {n}: {', '.join(w)}." for n, w in used]
    if empty:
        told.insert(rng.randrange(len(told) + 1), f"Track{'s' * (len(empty) > 1)} {_and(empty)}: empty.")
    return " ".join(told)


@_style
def row_of(yard: Yard, rng: Random) -> str:
    parts = [
        f"In the {which} track we find {' followed by '.join(w)}." if w else f"In the {which} track we find nothing."
        for which, w in zip(ORDINALS, yard.tracks, strict=True)
    ]
    return " ".join(parts)


@_style
def dead_end(yard: Yard, rng: Random) -> str:
    parts = []
    for n, w in _numbered(yard):
        if w:
            onward = f", then towards the switch {', '.join(w[1:])}" if len(w) > 1 else ""
            parts.append(f"Track {n}: at the dead end {w[0]}{onward}.")
        else:
            parts.append(f"Track {n}: unoccupied.")
    return " ".join(parts)


# One wagon after another


@_style
def each_wagon(yard: Yard, rng: Random) -> str:
    told = []
    for wagon in yard.wagons:
        track = next(n for n, w in _numbered(yard) if wagon in w)
        told.append(f"{wagon} is {ORDINALS[yard.tracks[track - 1].index(wagon)]} on track {track}")
    empty = _empty(yard)
    free = f" No wagons on track{'s' * (len(empty) > 1)} {_and(empty)}." if empty else ""
    return f"Counting from the buffer stop, {_and(told)}.{free}"


@_style
def coordinates(yard: Yard, rng: Random) -> str:
    told = [f"{wagon}@{n}.{place}" for n, w in _numbered(yard) for place, wagon in enumerate(w, 1)]
    rng.shuffle(told)
    return (
        f"Written as wagon@track.place, with place 1 at the buffer stop: {', '.join(told)}. Every other place is empty."
    )


# From the switch backwards


@_style
def from_switch(yard: Yard, rng: Random) -> str:
    parts = [f"track {n}: {', '.join(w[::-1]) or 'empty'}" for n, w in _numbered(yard)]
    return f"Listed from the switch to the buffer stop, {'; '.join(parts)}."


@_style
def going_in(yard: Yard, rng: Random) -> str:
    parts = [
        f"Going into track {n} from the turnout you meet {', then '.join(w[::-1])}." if w else f"Track {n} is empty."
        for n, w in _numbered(yard)
    ]
    return " ".join(parts)


@_style
def nearest_first(yard: Yard, rng: Random) -> str:
    rows = [f"Track {n} - {' '.join(w[::-1]) or 'none'}" for n, w in _numbered(yard)]
    return "\n".join(["Wagon nearest the switch first:", *rows])


# Lists, one row for each track


@_style
def bullets(yard: Yard, rng: Random) -> str:
    mark, empty = rng.choice("-*•"), rng.choice(("empty", "nothing", "none"))
    return "\n".join(f"{mark} track {n}: {', '.join(w) or empty}" for n, w in _numbered(yard))


@_style
def enumerated(yard: Yard, rng: Random) -> str:
    return "\n".join(["the four tracks:", *(f"{n}) {' '.join(w) or 'nothing'}" for n, w in _numbered(yard))])


@_style
def dashes(yard: Yard, rng: Random) -> str:
    return "\n".join(f"Track {n} – {'-'.join(w) or '(empty)'}" for n, w in _numbered(yard))


@_style
def number_words(yard: Yard, rng: Random) -> str:
    return "\n".join(
        f"Track {number}: {' and '.join(w) or 'no wagons'}" for number, w in zip(NUMBERS, yard.tracks, strict=True)
    )


@_style
def buffer_to_switch(yard: Yard, rng: Random) -> str:
    rows = [f"Track {n}: buffer > {''.join(f'{wagon} > ' for wagon in w)}switch" for n, w in _numbered(yard)]
    return "\n".join(rows)


@_style
def emoji(yard: Yard, rng: Random) -> str:
    return "\n".join(f"Track {n}: {' '.join(f'🚃{wagon}' for wagon in w) or '❌ empty'}" for n, w in _numbered(yard))


@_style
def diagram(yard: Yard, rng: Random) -> str:
    rows = [f"{n} ]--{''.join(f'{wagon}--' for wagon in w)}" for n, w in _numbered(yard)]
    return "\n".join(["The ] is the buffer stop, the switch is on the right.", *rows])


@_style
def table(yard: Yard, rng: Random) -> str:
    rows = [f"| {n} | {', '.join(w) or '-'} |" for n, w in _numbered(yard)]
    return "\n".join(["| track | wagons |", "|---|---|", *rows])


@_style
def places_table(yard: Yard, rng: Random) -> str:
    rows = [f"| {n} | {' | '.join(w.ljust(CAPACITY, '-'))} |" for n, w in _numbered(yard)]
    head = ["Place 1 is at the buffer stop, - means free.", "| track | 1 | 2 | 3 | 4 |", "|---|---|---|---|---|"]
    return "\n".join(head + rows)


# Notations


@_style
def json_object(yard: Yard, rng: Random) -> str:
    key = rng.choice(("{}", "track {}", "T{}"))
    return json.dumps({key.format(n): list(w) for n, w in _numbered(yard)})


@_style
def python_lists(yard: Yard, rng: Random) -> str:
    return f"tracks = {json.dumps([list(w) for w in yard.tracks])}  # tracks 1 to 4"


@_style
def yaml(yard: Yard, rng: Random) -> str:
    return "\n".join(["yard:", *(f"  track {n}: [{', '.join(w)}]" for n, w in _numbered(yard))])


@_style
def csv(yard: Yard, rng: Random) -> str:
    return "\n".join(["track;wagons", *(f"{n};{''.join(w) or 'empty'}" for n, w in _numbered(yard))])


@_style
def stacks(yard: Yard, rng: Random) -> str:
    parts = [f"T{n} = [{', '.join(w)}]" for n, w in _numbered(yard)]
    return f"Each track is a stack whose top is at the switch, written bottom to top: {', '.join(parts)}."


@_style
def assigned(yard: Yard, rng: Random) -> str:
    empty = rng.choice(("-", "0", "empty"))
    return " ".join(f"T{n}={w or empty}" for n, w in _numbered(yard))


@_style
def pipes(yard: Yard, rng: Random) -> str:
    return f"tracks 1-4: {' | '.join(w or '-' for w in yard.tracks)}"


@_style
def slashes(yard: Yard, rng: Random) -> str:
    return f"{' / '.join(w or 'empty' for w in yard.tracks)} (tracks 1 to 4, buffer end on the left)"


@_style
def brackets(yard: Yard, rng: Random) -> str:
    return "tracks " + ", ".join(f"{n}[{' '.join(w)}]" for n, w in _numbered(yard))


@_style
def terse(yard: Yard, rng: Random) -> str:
    empty = rng.choice(("empty", "free", "none"))
    return "track " + ", ".join(f"{n} {' '.join(w) or empty}" for n, w in _numbered(yard))


@_style
def hurried(yard: Yard, rng: Random) -> str:
    return ", ".join(f"t{n} {' '.join(w.lower()) or 'empty'}" for n, w in _numbered(yard))


@_style
def phone(yard: Yard, rng: Random) -> str:
    parts = [f"{' then '.join(w.lower()) or 'nothing'} on {n}" for n, w in _numbered(yard)]
    return ", ".join(parts)


@_style
def in_parentheses(yard: Yard, rng: Random) -> str:
    return "; ".join(f"{_and(w, ' & ') if w else 'no wagon'} (track {n})" for n, w in _numbered(yard))


assert not set(WAGONS) & set("TSRL"), "T1 for a track must not be read as a wagon"
