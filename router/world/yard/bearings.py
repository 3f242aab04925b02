"""The words in a clause that tell where a wagon stands: ends of a track, relations, ranks, and what parts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from router.world.yard.state import WAGONS
from router.world.yard.words import ORDINALS, words

__all__ = ["LEAVES", "RELATIONS", "SIDES", "Item", "Side", "items_of", "names_side", "tells_place"]

Side = Literal["buffer", "switch"]

SIDES: dict[str, Side] = {
    **dict.fromkeys(
        words("buffer buffers bumper bumpers back rear inner innermost deep deeper deepest stop bottom tail closed "
              "dead "
              "terminus terminal wall stub prellbock puffer hinten backmost rearmost blind inside inward"), "buffer"),
    **dict.fromkeys(
        words("switch front point points tops exit throat open outer outermost frontmost turnout mouth top entrance "
              "head junction weiche vorne vorn gate opening outside outward fore neck frog "
              "leads leading leader heads headed"), "switch"),
}  # fmt: skip
PART_OF_SIDE = words("end ends stop stops side blocks block most way")
"""Follow a side's name and add nothing: `switch end`, `buffer stop`."""
SIDE_PHRASES: dict[tuple[str, ...], Side] = {
    ("far", "end"): "buffer",
    ("way", "in"): "buffer",
    ("way", "out"): "switch",
    ("end", "of", "the", "track"): "buffer",
    ("end", "of", "track"): "buffer",
    ("end", "of", "the", "line"): "buffer",
    ("near", "end"): "switch",
    ("end", "stop"): "buffer",
    ("end", "buffer"): "buffer",
    ("farthest", "in"): "buffer",
    ("furthest", "in"): "buffer",
    ("farthest", "out"): "switch",
    ("furthest", "out"): "switch",
    ("can", "leave"): "switch",
    ("free", "to", "go"): "switch",
    ("in", "front"): "switch",
}
LEAVES = words("leave leaves leaving exits departs movable accessible reachable")
LEADS = words("leads leading leader heads headed")
FOLLOWS = words("follows follow following trails trailing")
"""Nearer the buffer stop, where another wagon leads; else it may be the next of a list, nearer the switch."""
GOES = words("comes come goes go coming going gets")
FAR = words("far farther farthest further furthest away opposite")
NEAR = words("near nearest nearer close closest closer next adjacent")
RELATIONS: dict[tuple[str, ...], str] = {
    ("in", "front", "of"): "ahead",
    ("ahead", "of"): "ahead",
    ("behind",): "behind",
    ("hinter",): "behind",
    ("vor",): "ahead",
    ("blocks",): "ahead",
    ("blocking",): "ahead",
    ("blocked", "by"): "behind",
    ("deeper", "than"): "behind",
    ("before",): "before",
    ("after",): "after",
}
PRONOUNS = words("it that this which them him whom ihm dem these those")
STARTS = words(
    "from starting start starts begin counting counted beginning begins read reading seen looking listed von ab viewed"
)
TOWARDS = words("to toward towards until till zum zur bis facing")
BREAKS = words(", ; : . ( ) and then with where while und dann followed whereas plus ! ?")
MIDDLE = words("between middle midst sandwiched zwischen mitte")
UNPLACED = words("left right leftmost rightmost east west north south uphill downhill upstream downstream links rechts")
KINDS = (
    ("pronoun", PRONOUNS),
    ("start", STARTS),
    ("towards", TOWARDS),
    ("break", BREAKS),
    ("middle", MIDDLE),
    ("lateral", UNPLACED),
)


@dataclass(slots=True)
class Item:
    kind: str
    """wagon, side, relation, pronoun, ordinal, start, towards, break, middle, lateral, doubt"""
    value: str


def tells_place(tokens: Sequence[str]) -> bool:
    """Whether words, with or without wagons in them, speak of an end of a track or of a rank on it."""
    return any(item.kind in ("side", "lateral", "doubt") for item in items_of(tokens))


def names_side(tokens: Sequence[str]) -> bool:
    """Whether words name the buffer stop's side or the switch's."""
    return any(item.kind == "side" for item in items_of(tokens))


def items_of(tokens: Sequence[str]) -> list[Item]:
    items: list[Item] = []
    far, at = False, 0
    leaving = _leaving(tokens)
    while at < len(tokens):
        item, taken = _item(tokens, at, leaving)
        following = list(tokens[at + 1 : at + 2])
        if tokens[at] in FAR and item is None:
            far = following != ["from"] or not (items and items[-1].kind == "start")
        if item is not None and item.kind == "side" and far:
            item, far = Item("side", "switch" if item.value == "buffer" else "buffer"), False
        if item is not None and not (far and item.kind == "start"):
            items.append(item)
        at += taken
    return items


def _item(tokens: Sequence[str], at: int, leaving: dict[int, Side | None]) -> tuple[Item | None, int]:
    """What begins at a token, and how many tokens that takes."""
    token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
    if at in leaving:
        side = leaving[at]
        return (Item("side", side) if side is not None else None), 1
    for length in (4, 3, 2, 1):
        phrase = tuple(tokens[at : at + length])
        if phrase in RELATIONS:
            return Item("relation", RELATIONS[phrase]), length
        if phrase in SIDE_PHRASES:
            return Item("side", SIDE_PHRASES[phrase]), length
    if token in WAGONS:
        return Item("wagon", token), 1
    if token in NEAR and following in ("to", "by"):
        return None, 2
    if token == "point" and (at == 0 or tokens[at - 1] != "the"):
        return None, 1
    if token in SIDES:
        end = at + 1
        while end < len(tokens) and tokens[end] in PART_OF_SIDE:
            end += 1
        if list(tokens[end : end + 3]) in (["of", "the", "track"], ["of", "the", "line"]):
            end += 3
        return Item("side", SIDES[token]), end - at
    if token in (">", "-") and tokens[at - 1] in SIDES.keys() | PART_OF_SIDE and following in SIDES:
        return Item("towards", token), 1
    if token in FOLLOWS and following != "by":
        return Item("relation", "behind") if LEADS.intersection(tokens) else Item("doubt", token), 1
    if token in ("ends", "ending") and following in ("with", "in"):
        return Item("ordinal", "-1"), 2
    if token in ("right", "directly") and following in ("behind", "at", "by", "next", "in", "before", "after"):
        return None, 1
    if list(tokens[at : at + 3]) == ["left", "to", "right"]:
        return None, 3
    return _single(token), 1


def _single(token: str) -> Item | None:
    if token in ORDINALS or token in ("last", "letzte", "letzter", "letzten", "final"):
        return Item("ordinal", str(ORDINALS[token] - 1 if token in ORDINALS else -1))
    kind = next((kind for kind, listed in KINDS if token in listed), "break" if token == "next" else "")
    if token in ("end", "ends", "extremity"):
        kind = "doubt"
    return Item(kind, token) if kind else None


def _leaving(tokens: Sequence[str]) -> dict[int, Side | None]:
    """Places of words like `leaves first`, with the side that such a wagon stands at; None for words used up."""
    found: dict[int, Side | None] = {}
    for at, token in enumerate(tokens):
        after = tokens[at + 1 : at + 3]
        goes = token in GOES and ("out" in after or "first" in after)
        if not (token in LEAVES or goes or (token == "out" and at and tokens[at - 1] in ("first", "last"))):
            continue
        near = range(max(0, at - 4), min(len(tokens), at + 4))
        ranks = [place for place in near if tokens[place] in ("first", "last")]
        found[at] = "buffer" if any(tokens[place] == "last" for place in ranks) else "switch"
        found.update((place, None) for place in (*ranks, *(p for p in near if p > at and tokens[p] == "out")))
    return found
