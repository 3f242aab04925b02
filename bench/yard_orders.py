"""How people tell the moves of a switch yard: one move in many styles, and the ways to join several of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from bench.yard_states import NUMBERS, ORDINALS
from router.world.yard.state import Move, Yard

__all__ = ["JOINS", "ORDERS", "Join", "Order", "rendered"]


@dataclass(frozen=True)
class Order:
    """One style for one move.

    A `verb` style fits after `I` and after `to` (`move wagon D to track 2`); any other is a note (`1 -> 2`).
    A style that `names_wagon` cannot tell a move from an empty track.
    """

    say: Callable[[Move, Yard, Random], str]
    verb: bool
    names_wagon: bool


@dataclass(frozen=True)
class Join:
    """One way to join several moves: `inline` ones fit into a sentence, `verb` ones want verbs, not notes."""

    say: Callable[[Sequence[str]], str]
    inline: bool
    verb: bool


def _number(move: Move) -> tuple[int, int]:
    return move.source + 1, move.target + 1


def _by_track(pattern: str, *, verb: bool = True) -> Order:
    """A style of the two tracks: as numbers {0} {1}, as ordinals {2} {3}, as words {4} {5}."""

    def say(move: Move, yard: Yard, rng: Random) -> str:
        words = [form[track] for form in (ORDINALS, NUMBERS) for track in move]
        return pattern.format(*_number(move), *words)

    return Order(say, verb, names_wagon=False)


def _by_wagon(pattern: str, *, verb: bool = True) -> Order:
    """A style of the wagon {w} that leaves, with the tracks as in `_by_track`."""

    def say(move: Move, yard: Yard, rng: Random) -> str:
        words = [form[track] for form in (ORDINALS, NUMBERS) for track in move]
        return pattern.format(*_number(move), *words, w=yard.tracks[move.source][-1])

    return Order(say, verb, names_wagon=True)


ORDERS: dict[str, Order] = {
    "last_of": _by_track("move the last wagon of track {0} to track {1}"),
    "nearest_switch": _by_track("take the wagon nearest the switch on track {0} over to track {1}"),
    "shunt_one": _by_track("shunt one wagon from track {0} to track {1}"),
    "ordinals": _by_track("push one from the {2} track onto the {3}"),
    "open_end": _by_track("pull the wagon at the open end of track {0} out and set it onto track {1}"),
    "switch_end": _by_track("send whatever is at the switch end of track {0} to track {1}"),
    "out_and_into": _by_track("bring one wagon out of {0} and into {1}"),
    "number_words": _by_track("move one from track {4} to track {5}"),
    "target_first": _by_track("add to track {1} one wagon from track {0}"),
    "wagon_to": _by_wagon("move wagon {w} to track {1}"),
    "put_on": _by_wagon("put {w} on track {1}"),
    "wagon_from_to": _by_wagon("shunt {w} from track {0} to track {1}"),
    "set_down": _by_wagon("set wagon {w} down on the {3} track"),
    "roll": _by_wagon("let {w} roll out of track {0} and onto track {1}"),
    "fetch": _by_wagon("fetch {w} from track {4} and leave it on track {5}"),
    "number_only": _by_wagon("send {w} over to number {1}"),
    "arrow": _by_track("{0} -> {1}", verb=False),
    "initials": _by_track("T{0} to T{1}", verb=False),
    "tracks": _by_track("track {0} to track {1}", verb=False),
    "from_to": _by_track("from {0} to {1}", verb=False),
    "call": _by_track("move({0}, {1})", verb=False),
    "wagon_arrow": _by_wagon("{w} → {1}", verb=False),
    "wagon_note": _by_wagon("{w} from {0} to {1}", verb=False),
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _first_next(moves: Sequence[str]) -> str:
    middle = "".join(f", next {move}" for move in moves[1:-1])
    return f"first {moves[0]}{middle}, and finally {moves[-1]}"


def _sentences(moves: Sequence[str]) -> str:
    return ". ".join([_capital(moves[0]), *(f"Afterwards {move}" for move in moves[1:])])


def _rows(mark: Callable[[int], str]) -> Callable[[Sequence[str]], str]:
    return lambda moves: "\n".join(f"{mark(n)}{_capital(move)}" for n, move in enumerate(moves, 1))


JOINS: dict[str, Join] = {
    "then": Join(", then ".join, inline=True, verb=True),
    "and_then": Join(" and then ".join, inline=True, verb=True),
    "first_next": Join(_first_next, inline=True, verb=True),
    "after_that": Join(", after that ".join, inline=True, verb=True),
    "next": Join(", next ".join, inline=True, verb=True),
    "afterwards": Join(_sentences, inline=False, verb=True),
    "arrows": Join(" → ".join, inline=False, verb=True),
    "semicolons": Join("; ".join, inline=False, verb=True),
    "numbered": Join(_rows(lambda n: f"{n}. "), inline=False, verb=True),
    "steps": Join(_rows(lambda n: f"Step {n}: "), inline=False, verb=True),
    "bullets": Join(_rows(lambda n: "- "), inline=False, verb=True),
    "commas": Join(", ".join, inline=False, verb=False),
    "note_semicolons": Join("; ".join, inline=False, verb=False),
    "note_then": Join(", then ".join, inline=False, verb=False),
    "note_rows": Join("\n".join, inline=False, verb=False),
}


def rendered(order: Order, moves: Sequence[Move], yard: Yard, rng: Random) -> list[str]:
    """Each move in words, told from the yard as it stands before that move.

    Raises ValueError when a move other than the last is not allowed: nobody knows what stands where after it.
    """
    told = []
    for number, move in enumerate(moves, 1):
        told.append(order.say(move, yard, rng))
        if number < len(moves):
            yard = yard.after(move)
    return told
