"""The third set of people who write about the switch yard: ordinary sentences and simple lists, as typed into a chat.

Written without knowledge of the reader of `kind: world`. A track is told from its buffer stop to the switch unless a
style says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from bench.yard_orders import Join, Order
from bench.yard_phrasings import Writer
from bench.yard_states import NUMBERS, ORDINALS, StateStyle
from bench.yard_third_questions import THIRD_QUESTIONS
from router.world.yard.state import Move, Yard

__all__ = ["THIRD"]

PLACES = ("1st", "2nd", "3rd", "4th")


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _each(yard: Yard, some: Callable[[int, str], str], none: Callable[[int], str]) -> list[str]:
    """A phrase for each track, which counts from 0: `some` where wagons stand and `none` where none do."""
    return [some(track, wagons) if wagons else none(track) for track, wagons in enumerate(yard.tracks)]


def _empties(yard: Yard) -> list[str]:
    return [str(number) for number, wagons in enumerate(yard.tracks, 1) if not wagons]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _has(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"track {n + 1} has {_and(w)}", lambda n: f"track {n + 1} is empty")
    return _capital(_and(parts)) + "."


def _then_chain(yard: Yard, rng: Random) -> str:
    nothing = rng.choice(("nothing there", "nothing on it", "no wagons"))
    parts = _each(yard, lambda n, w: f"Track {n + 1}: {', then '.join(w)}.", lambda n: f"Track {n + 1}: {nothing}.")
    return " ".join(parts)


def _bullets(yard: Yard, rng: Random) -> str:
    none = rng.choice(("empty", "nothing", "(empty)"))
    return "\n".join(_each(yard, lambda n, w: f"- track {n + 1}: {', '.join(w)}", lambda n: f"- track {n + 1}: {none}"))


def _numbered(yard: Yard, rng: Random) -> str:
    return "\n".join(_each(yard, lambda n, w: f"{n + 1}. {' '.join(w)}", lambda n: f"{n + 1}. empty"))


def _from_the_buffer(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"track {n + 1} has {', '.join(w)}", lambda n: f"track {n + 1} has nothing")
    return f"From the buffer stop to the switch, {'; '.join(parts)}."


def _from_the_switch(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"track {n + 1} has {', '.join(w[::-1])}", lambda n: f"track {n + 1} has nothing")
    return f"Counting from the switch back to the buffer stop, {'; '.join(parts)}."


def _by_the_switch(yard: Yard, rng: Random) -> str:
    def some(track: int, wagons: str) -> str:
        front = f"On track {track + 1}, {wagons[-1]} is closest to the switch"
        return f"{front}{''.join(f', behind it is {wagon}' for wagon in reversed(wagons[:-1]))}."

    return " ".join(_each(yard, some, lambda n: f"Track {n + 1} is empty."))


def _at_the_buffer(yard: Yard, rng: Random) -> str:
    def some(track: int, wagons: str) -> str:
        back = f"On track {track + 1}, {wagons[0]} is at the buffer stop"
        return f"{back}, followed by {_and(wagons[1:])}." if wagons[1:] else f"{back}, all alone."

    return " ".join(_each(yard, some, lambda n: f"On track {n + 1} there is nothing."))


def _initials(yard: Yard, rng: Random) -> str:
    none = rng.choice(("-", "empty"))
    return ", ".join(_each(yard, lambda n, w: f"T{n + 1} {w}", lambda n: f"T{n + 1} {none}")) + "."


def _slashes(yard: Yard, rng: Random) -> str:
    return f"Tracks 1 to 4 in order: {' / '.join(_each(yard, lambda n, w: ' '.join(w), lambda n: 'empty'))}."


def _empty_last(yard: Yard, rng: Random) -> str:
    some = [f"Track {number} has {', '.join(wagons)}." for number, wagons in enumerate(yard.tracks, 1) if wagons]
    match len(_empties(yard)):
        case 0:
            return " ".join(some)
        case 1:
            return " ".join((*some, "The other track is empty."))
        case _:
            return " ".join((*some, "All other tracks are empty."))


def _empty_first(yard: Yard, rng: Random) -> str:
    some = [f"on track {number} there's {_and(wagons)}" for number, wagons in enumerate(yard.tracks, 1) if wagons]
    text = _capital(", ".join(some)) + "."
    match _empties(yard):
        case []:
            return f"No track is empty. {text}"
        case [one]:
            return f"Track {one} is empty. {text}"
        case many:
            return f"Tracks {_and(many)} are empty. {text}"


def _counts(yard: Yard, rng: Random) -> str:
    def some(track: int, wagons: str) -> str:
        return f"Track {track + 1} ({len(wagons)} wagon{'s' * (len(wagons) > 1)}): {', '.join(wagons)}"

    return "\n".join(_each(yard, some, lambda n: f"Track {n + 1} (0 wagons): none"))


def _equals(yard: Yard, rng: Random) -> str:
    return "\n".join(_each(yard, lambda n, w: f"track {n + 1} = {w}", lambda n: f"track {n + 1} = empty"))


def _ordinals(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"{ORDINALS[n]} track: {' '.join(w)}", lambda n: f"{ORDINALS[n]} track: empty")
    return _capital(", ".join(parts)) + "."


def _first_holds(yard: Yard, rng: Random) -> str:
    verb = rng.choice(("holds", "has"))
    parts = _each(yard, lambda n, w: f"the {ORDINALS[n]} {verb} {_and(w)}", lambda n: f"the {ORDINALS[n]} is empty")
    return f"There are four tracks: {_and(parts)}."


def _number_words(yard: Yard, rng: Random) -> str:
    def some(track: int, wagons: str) -> str:
        stand = "wagons" if len(wagons) > 1 else "wagon"
        return f"Track {NUMBERS[track]} has {stand} {_and(wagons)} on it."

    return " ".join(_each(yard, some, lambda n: f"Track {NUMBERS[n]} has nothing on it."))


def _small(yard: Yard, rng: Random) -> str:
    parts = _each(yard, lambda n, w: f"track {n + 1} {' '.join(w).lower()}", lambda n: f"track {n + 1} empty")
    return ", ".join(parts)


def _left_to_right(yard: Yard, rng: Random) -> str:
    rows = _each(yard, lambda n, w: f"Track {n + 1}: {' '.join(w)}", lambda n: f"Track {n + 1}: -")
    return "\n".join(("(buffer stop is on the left, switch is on the right)", *rows))


def _one_by_one(yard: Yard, rng: Random) -> str:
    parts = [
        f"{wagon} is {PLACES[yard.tracks[track].index(wagon)]} on track {track + 1}"
        for wagon in yard.wagons
        if (track := yard.where(wagon)) is not None
    ]
    return f"Counted from the buffer stop, {_and(parts)}."


STATES: dict[str, StateStyle] = {
    "has": _has,
    "then_chain": _then_chain,
    "bullets": _bullets,
    "numbered": _numbered,
    "from_the_buffer": _from_the_buffer,
    "from_the_switch": _from_the_switch,
    "by_the_switch": _by_the_switch,
    "at_the_buffer": _at_the_buffer,
    "initials": _initials,
    "slashes": _slashes,
    "empty_last": _empty_last,
    "empty_first": _empty_first,
    "counts": _counts,
    "equals": _equals,
    "ordinals": _ordinals,
    "first_holds": _first_holds,
    "number_words": _number_words,
    "small": _small,
    "left_to_right": _left_to_right,
    "one_by_one": _one_by_one,
}


def _order(pattern: str, *, verb: bool = True) -> Order:
    """A style with the tracks as numbers {s} {t} or ordinals {sth} {tth}, and the wagon {w} where it is named."""
    named = "{w}" in pattern

    def say(move: Move, yard: Yard, rng: Random) -> str:
        return pattern.format(
            s=move.source + 1,
            t=move.target + 1,
            sth=ORDINALS[move.source],
            tth=ORDINALS[move.target],
            w=yard.tracks[move.source][-1] if named else "",
        )

    return Order(say, verb, names_wagon=named)


ORDERS = {
    "move_it": _order("move {w} to track {t}"),
    "from_to": _order("move wagon {w} from track {s} to track {t}"),
    "one_wagon": _order("move one wagon from track {s} to track {t}"),
    "nearest": _order("take the wagon nearest the switch on track {s} and put it on track {t}"),
    "over": _order("push {w} over to track {t}"),
    "send": _order("send {w} to the {tth} track"),
    "ordinals": _order("move the wagon at the switch end of the {sth} track to the {tth} one"),
    "pull_out": _order("pull {w} out of track {s} and park it on track {t}"),
    "to_note": _order("{w} to track {t}", verb=False),
    "arrow": _order("track {s} -> track {t}", verb=False),
    "from_note": _order("from track {s} to track {t}", verb=False),
    "wagon_from_to": _order("{w} from {s} to {t}", verb=False),
}


def _first_after_that(moves: Sequence[str]) -> str:
    return "first " + ", after that ".join(moves)


def _sentences(moves: Sequence[str]) -> str:
    return ". Then ".join((_capital(moves[0]), *moves[1:]))


def _numbers(moves: Sequence[str]) -> str:
    return "\n".join(f"{number}. {move}" for number, move in enumerate(moves, 1))


def _brackets(moves: Sequence[str]) -> str:
    return "\n".join(f"{number}) {move}" for number, move in enumerate(moves, 1))


JOINS = {
    "and_then": Join(" and then ".join, inline=True, verb=True),
    "comma_then": Join(", then ".join, inline=True, verb=True),
    "first_after_that": Join(_first_after_that, inline=True, verb=True),
    "sentences": Join(_sentences, inline=False, verb=True),
    "numbers": Join(_numbers, inline=False, verb=True),
    "note_commas": Join(", ".join, inline=True, verb=False),
    "note_then": Join(", then ".join, inline=True, verb=False),
    "note_brackets": Join(_brackets, inline=False, verb=False),
}

THIRD = Writer(
    states=STATES,
    orders=ORDERS,
    joins=JOINS,
    questions=THIRD_QUESTIONS,
    lowercase=frozenset({"small"}),
    track_words={"track": "tracks", "siding": "sidings", "line": "lines", "road": "roads", "rail": "rails"},
    wagon_words={
        "wagon": "wagons",
        "car": "cars",
        "carriage": "carriages",
        "train car": "train cars",
        "freight car": "freight cars",
    },
)
