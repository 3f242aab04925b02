"""The fourth set of people who write about the switch yard: each of eight trades tells it as they would in a chat.

A model railroader, a programmer, a teenager on a phone, a logistics clerk, a teacher, a puzzle fan, somebody who learns
English, an engineer. Written without knowledge of the reader of `kind: world`. A track is told from its buffer stop to
the switch unless a style says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from bench.yard_fourth_questions import FOURTH_QUESTIONS
from bench.yard_orders import Join, Order
from bench.yard_phrasings import Writer
from bench.yard_states import NUMBERS, ORDINALS, StateStyle
from router.world.yard.state import CAPACITY, TRACKS, Move, Yard

__all__ = ["FOURTH"]

RANKS = ("1st", "2nd", "3rd", "4th")


def _and(words: Sequence[str], last: str = " and ") -> str:
    return last.join(filter(None, (", ".join(words[:-1]), words[-1])))


def _each(yard: Yard, some: Callable[[int, str], str], none: Callable[[int], str]) -> list[str]:
    """A phrase for each track, by its number from 1: `some` where wagons stand and `none` where none do."""
    return [some(number, wagons) if wagons else none(number) for number, wagons in enumerate(yard.tracks, 1)]


def _used(yard: Yard, some: Callable[[int, str], str]) -> list[str]:
    """A phrase for each track on which wagons stand, by its number from 1."""
    return [some(number, wagons) for number, wagons in enumerate(yard.tracks, 1) if wagons]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


# The model railroader.


def _got(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"{_and(w)} on track {n}", lambda n: f"nothing on track {n}")
    return f"I've got {', '.join(parts[:-1])}, and {parts[-1]}."


def _clear(yard: Yard, rng: Random) -> str:
    return ", ".join(_each(yard, lambda n, w: f"Track {n}: {'-'.join(w)}", lambda n: f"Track {n}: clear")) + "."


def _dead_end(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"track {n} is {', '.join(w)}", lambda n: f"track {n} is clear")
    return f"Going from the dead end out to the switch, {'; '.join(parts)}."


def _free_to_leave(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        behind = f"with {_and(wagons[-2::-1], ' and then ')} behind it" if wagons[1:] else "with nothing behind it"
        return f"On track {number}, {wagons[-1]} is free to pull out, {behind}."

    return " ".join(_each(yard, some, lambda n: f"Track {n} is clear."))


# The programmer.


def _arrays(yard: Yard, rng: Random) -> str:
    return " ".join(f"T{number}=[{','.join(wagons)}]" for number, wagons in enumerate(yard.tracks, 1))


def _json(yard: Yard, rng: Random) -> str:
    return json.dumps({f"track {number}": list(wagons) for number, wagons in enumerate(yard.tracks, 1)})


def _pipes(yard: Yard, rng: Random) -> str:
    none = rng.choice(("-", "empty"))
    return " | ".join(_each(yard, lambda n, w: f"{n}: {w}", lambda n: f"{n}: {none}"))


def _stacks(yard: Yard, rng: Random) -> str:
    rows = _each(yard, lambda n, w: f"track {n}: {' '.join(w)}", lambda n: f"track {n}: (empty)")
    return "\n".join(("(each track is a stack, bottom to top, top = next to the switch)", *rows))


# The teenager on a phone.


def _texting(yard: Yard, rng: Random) -> str:
    first, *others = _each(yard, lambda n, w: f"{n} has {' '.join(w).lower()}", lambda n: f"{n} is empty")
    return ", ".join((f"track {first}", *others))


def _rest_empty(yard: Yard, rng: Random) -> str:
    parts = _used(yard, lambda n, w: f"{' '.join(w)} on track {n}")
    return ", ".join((*parts, "rest is empty") if len(parts) < TRACKS else parts)


def _ranked(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"{RANKS[n - 1]} track {' '.join(w)}", lambda n: f"{RANKS[n - 1]} track nothing")
    return ", ".join(parts)


# The logistics clerk.


def _table(yard: Yard, rng: Random) -> str:
    rows = _each(yard, lambda n, w: f"| {n} | {', '.join(w)} |", lambda n: f"| {n} | none |")
    return "\n".join(("| Track | Wagons |", "|---|---|", *rows))


def _places(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        return f"Track {number}, {len(wagons)} of {CAPACITY} places taken: {', '.join(wagons)}"

    return "\n".join(_each(yard, some, lambda n: f"Track {n}, 0 of {CAPACITY} places taken"))


def _locations(yard: Yard, rng: Random) -> str:
    rows = [
        f"{wagon}: track {track + 1}, position {yard.tracks[track].index(wagon) + 1}"
        for wagon in yard.wagons
        if (track := yard.where(wagon)) is not None
    ]
    return "\n".join(("Wagon locations (position 1 = at the buffer stop):", *rows, "No other wagons in the yard."))


def _only_used(yard: Yard, rng: Random) -> str:
    numbers = _used(yard, lambda n, _: str(n))
    carries = " ".join(_used(yard, lambda n, w: f"Track {n} carries {', '.join(w)}."))
    match len(numbers):
        case 1:
            return f"Only track {numbers[0]} is in use. {carries}"
        case count if count == TRACKS:
            return f"All {NUMBERS[TRACKS - 1]} tracks are in use. {carries}"
        case _:
            return f"Only tracks {_and(numbers)} are in use. {carries}"


# The teacher.


def _in_that_order(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        which = f"The {ORDINALS[number - 1]} track holds"
        if len(wagons) == 1:
            return f"{which} only wagon {wagons}."
        return f"{which} wagons {_and(wagons)}, in that order from the buffer stop."

    return " ".join(_each(yard, some, lambda n: f"The {ORDINALS[n - 1]} track is empty."))


def _namely(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        count = NUMBERS[len(wagons) - 1]
        there = f"There are {count} wagons" if len(wagons) > 1 else f"There is {count} wagon"
        return f"{there} on track {number}, namely {_and(wagons)}."

    return " ".join(_each(yard, some, lambda n: f"There are no wagons on track {n}."))


def _leaving_order(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        if len(wagons) == 1:
            return f"On track {number} there is only {wagons}."
        return f"On track {number} the first to leave would be {', then '.join(reversed(wagons))}."

    return " ".join(_each(yard, some, lambda n: f"On track {n} there are no wagons."))


# The puzzle fan.


def _drawing(yard: Yard, rng: Random) -> str:
    rows = _each(yard, lambda n, w: f"{n} |--{'-'.join(w)}--", lambda n: f"{n} |-----")
    return "\n".join(("(tracks 1-4, | is the buffer stop and the switch is at the right end)", *rows))


def _slots(yard: Yard, rng: Random) -> str:
    return "\n".join(f"Track {n}: {' '.join(w.ljust(CAPACITY, '_'))}" for n, w in enumerate(yard.tracks, 1))


def _parentheses(yard: Yard, rng: Random) -> str:
    groups = " ".join(f"({' '.join(wagons)})" for wagons in yard.tracks)
    return f"{groups}, that's tracks 1 to 4."


# The one who learns English.


def _standing(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        return f"In track {number} {'are' if len(wagons) > 1 else 'is'} standing {', '.join(wagons)}."

    return " ".join(_each(yard, some, lambda n: f"In track {n} is nothing."))


def _after_it(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        return f"On the {ORDINALS[number - 1]} track is {', after it '.join(wagons)}."

    start = "I tell always from buffer stop to switch."
    return " ".join((start, *_each(yard, some, lambda n: f"The {ORDINALS[n - 1]} track is empty.")))


# The engineer.


def _vacant(yard: Yard, rng: Random) -> str:
    return "; ".join(_each(yard, lambda n, w: f"T{n} = {'-'.join(w)}", lambda n: f"T{n} = vacant")) + "."


def _outward(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        return f"track {number} reads {', '.join(wagons)}"

    parts = _each(yard, some, lambda n: f"track {n} is unoccupied")
    return f"From the buffer stop outward, {_and(parts)}."


def _end_to_end(yard: Yard, rng: Random) -> str:
    def some(number: int, wagons: str) -> str:
        return f"Track {number}: buffer stop > {' > '.join(wagons)} > switch"

    return "\n".join(_each(yard, some, lambda n: f"Track {n}: buffer stop > (no wagons) > switch"))


STATES: dict[str, StateStyle] = {
    "got": _got,
    "clear": _clear,
    "dead_end": _dead_end,
    "free_to_leave": _free_to_leave,
    "arrays": _arrays,
    "json": _json,
    "pipes": _pipes,
    "stacks": _stacks,
    "texting": _texting,
    "rest_empty": _rest_empty,
    "ranked": _ranked,
    "table": _table,
    "places": _places,
    "locations": _locations,
    "only_used": _only_used,
    "in_that_order": _in_that_order,
    "namely": _namely,
    "leaving_order": _leaving_order,
    "drawing": _drawing,
    "slots": _slots,
    "parentheses": _parentheses,
    "standing": _standing,
    "after_it": _after_it,
    "vacant": _vacant,
    "outward": _outward,
    "end_to_end": _end_to_end,
}


def _order(pattern: str, *, verb: bool = True) -> Order:
    """A style with the tracks as numbers {s} {t} or ordinals {sth} {tth}, and the wagon {w} where it is named."""
    named = "{w}" in pattern

    def say(move: Move, yard: Yard, rng: Random) -> str:
        source, target = move
        places = {"s": source + 1, "t": target + 1, "sth": ORDINALS[source], "tth": ORDINALS[target]}
        return pattern.format(**places, w=yard.tracks[source][-1] if named else "")

    return Order(say, verb, names_wagon=named)


ORDERS = {
    "spot": _order("spot {w} on track {t}"),
    "cut": _order("pull one wagon off track {s} and shove it into track {t}"),
    "pop": _order("pop one off track {s} and push it onto track {t}"),
    "get_onto": _order("get {w} onto track {t}"),
    "stick": _order("take {w} off track {s} and stick it on {t}"),
    "transfer": _order("transfer wagon {w} from track {s} to track {t}"),
    "relocate": _order("relocate one wagon from track {s} to track {t}"),
    "outermost": _order("move the outermost wagon of the {sth} track to the {tth} track"),
    "drive": _order("drive the wagon {w} to the {tth} track"),
    "can_leave": _order("shift the wagon that can leave track {s} over to track {t}"),
    "greater": _order("{s}>{t}", verb=False),
    "wagon_greater": _order("{w}>{t}", verb=False),
    "initials": _order("T{s} → T{t}", verb=False),
    "in_brackets": _order("{w} (from {s} to {t})", verb=False),
}


def _first_last(moves: Sequence[str]) -> str:
    if len(moves) == 2:
        return f"first {moves[0]} and then {moves[1]}"
    return f"first {', then '.join(moves[:-1])}, and lastly {moves[-1]}"


def _when_done(moves: Sequence[str]) -> str:
    return f"{moves[0]}, and when that's done {', then '.join(moves[1:])}"


def _next(moves: Sequence[str]) -> str:
    starts = ["Next, "] * (len(moves) - 1)
    if len(starts) > 1:
        starts[-1] = "Finally, "
    return ". ".join((_capital(moves[0]), *(start + move for start, move in zip(starts, moves[1:], strict=True))))


def _counted(moves: Sequence[str]) -> str:
    return "\n".join(f"Move {number}: {move}" for number, move in enumerate(moves, 1))


def _dashes(moves: Sequence[str]) -> str:
    return "\n".join(f"- {move}" for move in moves)


def _in_a_row(moves: Sequence[str]) -> str:
    return " ".join(f"({number}) {move}" for number, move in enumerate(moves, 1))


JOINS = {
    "and_then_last": Join(lambda moves: _and(moves, " and then "), inline=True, verb=True),
    "first_last": Join(_first_last, inline=True, verb=True),
    "when_done": Join(_when_done, inline=True, verb=True),
    "next": Join(_next, inline=False, verb=True),
    "counted": Join(_counted, inline=False, verb=True),
    "dashes": Join(_dashes, inline=False, verb=True),
    "note_semicolons": Join("; ".join, inline=False, verb=False),
    "note_in_a_row": Join(_in_a_row, inline=False, verb=False),
    "note_lines": Join("\n".join, inline=False, verb=False),
}

FOURTH = Writer(
    states=STATES,
    orders=ORDERS,
    joins=JOINS,
    questions=FOURTH_QUESTIONS,
    lowercase=frozenset({"texting"}),
    track_words={"track": "tracks", "siding": "sidings", "lane": "lanes", "spur": "spurs", "rail": "rails"},
    wagon_words={
        "wagon": "wagons",
        "car": "cars",
        "railcar": "railcars",
        "unit": "units",
        "boxcar": "boxcars",
    },
)
