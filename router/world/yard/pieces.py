"""A text cut into pieces at its sentences, commas, joining words, orders and headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router.world.yard.labels import HOLDS, ON, Label, number_of
from router.world.yard.moves import IMPERATIVES, VERBS
from router.world.yard.order import BLANK, EMPTINESS
from router.world.yard.sections import section_of
from router.world.yard.state import WAGONS
from router.world.yard.words import words

__all__ = ["COLONS", "MARKS", "PARTING", "YES_OR_NO", "Piece", "is_wagon", "pieces_of"]

ENDS = frozenset("\n?!")
MARKS = frozenset(",();")
PARTING = MARKS | words(
    "and then if when whenever while whereas but given suppose supposing assuming after afterwards before und dann "
    "wenn sodann also plus & finally next so"
)
HEADINGS = words("moves move then next")
ASKS_ANEW = words("does do can could would what how may darf was wie")
LED_ON = words("to will should would shall can may must i we you please not don't could might be")
ASKING = words(
    "is are does do did can could may will would what which where who how was were ist sind welche wo wie was"
)
CLOSING = frozenset("/])=|:-")
YES_OR_NO = words("is are does do was were ist sind")
TOLD_OF = words("i we you it they my the this")
"""After `what` or `how`, where no question mark follows, these begin a heading: `What I have: …`."""
COLONS = frozenset(":|=)]>-.[(")


@dataclass(slots=True)
class Piece:
    start: int
    end: int
    sentence: int
    asks: bool


def pieces_of(tokens: Sequence[str], labels: Sequence[Label]) -> list[Piece]:
    """The pieces of a text, in its order."""
    begins = {label.start: label.end for label in labels}
    inside = {at for label in labels for at in range(label.start, label.end)}
    heads = _heads(tokens, inside)
    pieces: list[Piece] = []
    start = begin = sentence = 0
    first = depth = 0
    for at in range(len(tokens) + 1):
        token = tokens[at] if at < len(tokens) else "\n"
        ends = at == len(tokens) or (at not in inside and (token in ENDS or _is_full_stop(tokens, at)))
        depth = 0 if ends else max(0, depth + (token == "[") - (token == "]"))
        parts = token in PARTING or (token == ">" and tokens[at + 1 : at + 2] and tokens[at + 1] in VERBS)
        parts = parts and not (depth and token == ",") and tokens[at : at + 2] != ["next", "to"]
        if not ends and (
            (at in inside and at not in begins) or not (parts or at in heads or _begins(tokens, start, at, begins))
        ):
            continue
        pieces.append(Piece(start, at, sentence, False))
        start = at + 1 if ends or token in MARKS else at
        if ends:
            asks = token == "?" or (begin < len(tokens) and _begins_question(tokens, begin))
            for piece in pieces[first:]:
                piece.asks = asks
            first, begin, sentence = len(pieces), at + 1, sentence + 1
    return [piece for piece in pieces if piece.start < piece.end]


def _heads(tokens: Sequence[str], inside: set[int]) -> set[int]:
    """Where headings begin that no mark parts from the wagons before them: `… D and F finish: track 1 …`."""
    heads: set[int] = set()
    for at, token in enumerate(tokens):
        if token != ":" or at in inside:
            continue
        begin = at
        while begin > max(0, at - 12) and begin - 1 not in inside and _is_said(tokens[begin - 1]):
            begin -= 1
        if (
            begin < at
            and _is_told(tokens, begin, inside)
            and section_of(tokens[begin : at + 1]) in ("start", "want", "goal")
        ):
            heads.add(begin)
    return heads


def _is_told(tokens: Sequence[str], at: int, inside: set[int]) -> bool:
    """Whether what is said of a track may end before a token: with wagons, or with the track as in `A B on 1`."""
    while at > 0 and at - 1 in inside:
        at -= 1
        if tokens[at - 1 : at] and tokens[at - 1] in ON:
            return at > 1 and (is_wagon(tokens[at - 2]) or tokens[at - 2] in EMPTINESS)
    return at > 0 and at not in inside and (is_wagon(tokens[at - 1]) or tokens[at - 1] in EMPTINESS)


def _is_said(token: str) -> bool:
    return token.isalpha() and not is_wagon(token) and token not in EMPTINESS


def _begins_question(tokens: Sequence[str], at: int) -> bool:
    """Whether a sentence without a question mark asks; `What I have: …` does not."""
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    return tokens[at] in ASKING and (tokens[at] in YES_OR_NO or following not in TOLD_OF)


def _begins(tokens: Sequence[str], start: int, at: int, labels: Mapping[int, int]) -> bool:
    """Whether a new part begins at a token that parts nothing by itself.

    An order (`… A B move B to 2`), a heading (`… moves: …`), or the second state of `from track 1: … to track 1: …`.
    """
    following = tokens[at + 1] if at + 1 < len(tokens) else "\n"
    anew = tokens[at] in ASKS_ANEW and not (at and is_wagon(tokens[at - 1]))
    if (
        tokens[at] in IMPERATIVES
        or anew
        or (following == ":" and (section_of([tokens[at]]) or tokens[at] in HEADINGS) and tokens[at] != "end")
    ):
        return at > start and tokens[at - 1] not in LED_ON and any(start <= label < at for label in labels)
    if at in labels and at > start and (is_wagon(tokens[at - 1]) or tokens[at - 1] in EMPTINESS | CLOSING):
        return _is_listed(tokens, labels[at], labels)
    if tokens[at] in ("to", "into", "onto"):
        if following in ("this", "these", "that", "here") and ":" in tokens[at + 2 : at + 4]:
            return at > start
        end = labels.get(at + 1 if following != "the" else at + 2)
        after = tokens[end : end + 2] if end is not None else []
        if after and after[0] in COLONS:
            return len(after) > 1 and (is_wagon(after[1]) or after[1] in EMPTINESS)
        return bool(after) and after[0] in HOLDS
    return False


def _is_listed(tokens: Sequence[str], at: int, labels: Mapping[int, int]) -> bool:
    """Whether a mark and then wagons, or a word for none, or nothing follows the name of a track that ends here."""
    after = tokens[at : at + 2]
    if not after or after[0] not in (":", "=", "|"):
        return False
    return len(after) < 2 or is_wagon(after[1]) or after[1] in EMPTINESS | BLANK | {"\n"} or at + 1 in labels


def _is_full_stop(tokens: Sequence[str], at: int) -> bool:
    """A full stop ends a sentence but for the one after the number of a list's line, or inside `...`."""
    if tokens[at] != ".":
        return False
    return not (at and number_of(tokens[at - 1]) is not None and (at < 2 or tokens[at - 2] in "\n*-"))


def is_wagon(token: str) -> bool:
    """A single letter that is written like a wagon, be there such a wagon or not."""
    return len(token) == 1 and token.isalpha() and (token.isupper() or token in WAGONS)
