"""How the second set of people tells moves: styles of one move and ways to join several, kept for the final figure.

What an `Order` and a `Join` are stands in `bench.yard_orders`.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from bench.yard_orders import Join, Order
from bench.yard_states import ORDINALS
from router.world.yard.state import Move, Yard

__all__ = ["SECOND_JOINS", "SECOND_ORDERS"]


def _tracks(pattern: str, *, verb: bool = True) -> Order:
    """A style of `{source}` and `{target}`, or of both as ordinals, `{nth}` and `{mth}`."""

    def say(move: Move, yard: Yard, rng: Random) -> str:
        nth, mth = ORDINALS[move.source], ORDINALS[move.target]
        return pattern.format(source=move.source + 1, target=move.target + 1, nth=nth, mth=mth)

    return Order(say, verb, names_wagon=False)


def _wagon(pattern: str, *, verb: bool = True) -> Order:
    """A style that names the `{wagon}` beside its tracks."""

    def say(move: Move, yard: Yard, rng: Random) -> str:
        wagon = yard.tracks[move.source][-1]
        return pattern.format(wagon=wagon, source=move.source + 1, target=move.target + 1)

    return Order(say, verb, names_wagon=True)


SECOND_ORDERS: dict[str, Order] = {
    "move_one": _tracks("move one wagon from track {source} to track {target}"),
    "move_from": _tracks("move from track {source} to track {target}"),
    "move_numbers": _tracks("move from {source} to {target}"),
    "last_of": _tracks("take the last wagon of track {source} and put it on track {target}"),
    "shift": _tracks("shift a wagon from track {source} over to track {target}"),
    "pull_push": _tracks("pull one wagon off track {source} and push it onto track {target}"),
    "switch_end": _tracks("send the wagon at the switch end of track {source} to track {target}"),
    "ordinal": _tracks("bring one wagon from the {nth} track to the {mth}"),
    "into": _tracks("move the end wagon on track {source} into track {target}"),
    "move_it": _wagon("move {wagon} to track {target}"),
    "put_it": _wagon("put {wagon} on track {target}"),
    "move_wagon": _wagon("move wagon {wagon} from track {source} to track {target}"),
    "shunt_it": _wagon("shunt {wagon} over to track {target}"),
    "set_down": _wagon("take {wagon} off track {source} and set it down on track {target}"),
    "plain_note": _tracks("track {source} to track {target}", verb=False),
    "numbers_note": _tracks("{source} to {target}", verb=False),
    "sign_note": _tracks("{source}>{target}", verb=False),
    "short_note": _tracks("T{source} -> T{target}", verb=False),
    "from_note": _tracks("from {source} to {target}", verb=False),
    "wagon_note": _wagon("{wagon} to track {target}", verb=False),
    "wagon_route": _wagon("{wagon}: {source} -> {target}", verb=False),
}


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _enumerated(moves: Sequence[str]) -> str:
    return ", ".join(moves[:-1]) + f", and then {moves[-1]}"


def _finally(moves: Sequence[str]) -> str:
    *front, end = moves
    return ", after that ".join(front) + f", and finally {end}"


def _sentences(moves: Sequence[str]) -> str:
    return ". Then ".join((_upper(moves[0]), *moves[1:]))


def _parentheses(moves: Sequence[str]) -> str:
    return " ".join(f"({number}) {move}" for number, move in enumerate(moves, 1))


def _numbers(moves: Sequence[str]) -> str:
    return "\n".join(f"{number}. {_upper(move)}" for number, move in enumerate(moves, 1))


def _steps(moves: Sequence[str]) -> str:
    return "\n".join(f"Step {number}: {move}" for number, move in enumerate(moves, 1))


def _dashes(moves: Sequence[str]) -> str:
    return "\n".join(f"- {move}" for move in moves)


SECOND_JOINS: dict[str, Join] = {
    "and_then_last": Join(_enumerated, inline=True, verb=True),
    "finally": Join(_finally, inline=True, verb=True),
    "afterwards": Join(", afterwards ".join, inline=True, verb=True),
    "sentences": Join(_sentences, inline=False, verb=True),
    "numbers": Join(_numbers, inline=False, verb=True),
    "steps": Join(_steps, inline=False, verb=True),
    "dashes": Join(_dashes, inline=False, verb=True),
    "in_parentheses": Join(_parentheses, inline=False, verb=True),
    "commas": Join(", ".join, inline=True, verb=False),
    "note_rows": Join("\n".join, inline=False, verb=False),
    "note_steps": Join(_steps, inline=False, verb=False),
    "note_dashes": Join(_dashes, inline=False, verb=False),
    "note_semicolons": Join("; ".join, inline=False, verb=False),
    "note_then": Join(", then ".join, inline=True, verb=False),
}
