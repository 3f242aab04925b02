"""Where a text names tracks: `track 1`, `tracks 3 and 4`, `T2`, `the second siding`, bare numbers as in `1: A B`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.world.yard.order import EMPTINESS
from router.world.yard.state import WAGONS
from router.world.yard.words import NUMBERS, ORDINALS, WAGON_NOUNS, label_at, words

__all__ = ["HOLDS", "ON", "Label", "labels_of", "number_of", "with_arrows"]

HOLDS = words(
    "holds hold has have carries carry contains contain keeps shows bears is are was has stores hosts houses includes "
    "comprises features ist hat sind stehen steht consists stands lies remains stays accommodates"
)
IS = words("is are was ist sind")
ON = words("on in at auf upon along")
OCCUPIED = words("occupied taken used filled home")
PLURAL = words("tracks sidings lines rails gleise gleisen roads lanes rows")
ONS = [["on"], ["in"], ["auf"], ["upon"]]
BEFORE_BARE = frozenset("\n.;,?!{[(:*-+>") | words("and then while und with but whereas if when given")
AFTER_BARE = frozenset(":|=)]>-([")
JOINING = frozenset([",", "and", "&", "/", "+", "und"])
RANGE = frozenset(["-", "to", "bis", "through", "thru"])
COUNTED = WAGON_NOUNS | words(
    "moves move steps step times turns tracks sidings wagonloads moved free places spaces slots"
)


@dataclass(frozen=True, slots=True)
class Label:
    """Tokens `start` to `end` name these tracks, which count from 1 and may be some that no yard has."""

    start: int
    end: int
    tracks: tuple[int, ...]


def number_of(token: str) -> int | None:
    """What a number says that is written as ASCII digits or as a word."""
    if token.isascii() and token.isdecimal():
        return int(token[:4])
    return NUMBERS.get(token)


def with_arrows(tokens: Sequence[str]) -> list[str]:
    """Moves written as pairs, `(1, 3)`, `[1, 3]`, `1-3` and `"from": 1, "to": 3`, as `1 > 3`.

    Pairs joined by a dash only where the text speaks of moves.
    """
    moves = any(token.lower() in ("move", "moves", "moving", "moved", "z\u00fcge") for token in tokens)
    made: list[str] = []
    at = 0
    while at < len(tokens):
        five, three = tokens[at : at + 5], tokens[at : at + 3]
        if len(five) == 5 and five[0] + five[2] + five[4] in ("[,]", "(,)") and _digits(five[1], five[3]):
            made += [";", five[1], ">", five[3], ";"]
            at += 5
        elif moves and len(three) == 3 and three[1] == "-" and _digits(three[0], three[2]) and not _is_span(made):
            made += [three[0], ">", three[2]]
            at += 3
        elif _is_filler(made, five):
            at += 1
        else:
            made.append(tokens[at])
            at += 1
    return made


def _is_span(before: Sequence[str]) -> bool:
    """Whether `1-4` names tracks and no move: `the tracks 1-4`."""
    return bool(before) and before[-1].lower() in PLURAL


def _is_filler(made: Sequence[str], following: Sequence[str]) -> bool:
    """The marks in `"from": 1, "to": 3` that part what belongs together."""
    if following[0] == ":":
        return bool(made) and made[-1].lower() in ("from", "to", "source", "target")
    return following[0] == "," and len(following) > 1 and following[1].lower() == "to" and _digits(*made[-1:])


def _digits(*tokens: str) -> bool:
    return bool(tokens) and all(len(token) == 1 and token in "123456789" for token in tokens)


def labels_of(tokens: Sequence[str]) -> list[Label]:
    """Every place where tracks are named, in the order of the text. Tokens are those of `with_wagons`."""
    found: list[Label] = []
    ordinals = _names_by_ordinals(tokens)
    at = 0
    while at < len(tokens):
        label = _named(tokens, at) or _bare(tokens, at) or (_ordinal(tokens, at) if ordinals else None)
        if label is None:
            at += 1
            continue
        found.append(label)
        at = label.end
    return found


def _named(tokens: Sequence[str], at: int) -> Label | None:
    if (label := label_at(tokens, at)) is None:
        return None
    number, length = label
    several = tokens[at] in PLURAL
    return _extended(tokens, Label(at, at + length, (number,)), several, at and tokens[at - 1] in ("from", "between"))


def _extended(tokens: Sequence[str], label: Label, several: bool, apart: object) -> Label:
    """The label with the numbers that follow it: `tracks 1, 2 and 4`, `tracks 2-4`."""
    end, tracks = label.end, list(label.tracks)
    while end + 1 < len(tokens):
        joint = end
        while joint < len(tokens) - 1 and joint < end + 2 and tokens[joint] in JOINING:
            joint += 1
        number = number_of(tokens[joint]) if joint > end else None
        follows = tokens[joint + 1] if joint + 1 < len(tokens) else "\n"
        lone = tokens[end] == ","
        if number is not None and follows not in COUNTED and follows not in (":", "|", "=", ">", "to"):
            if not several and (lone or not (follows in HOLDS or follows in EMPTINESS)):
                break
            tracks.append(number)
            end = joint + 1
            continue
        last = number_of(tokens[end + 1]) if tokens[end] in RANGE and several and not apart else None
        if last is None or not tracks[-1] < last <= tracks[-1] + 8:
            break
        tracks.extend(range(tracks[-1] + 1, last + 1))
        end += 2
    return Label(label.start, end, tuple(tracks))


def _bare(tokens: Sequence[str], at: int) -> Label | None:
    """A number that stands for a track: at the beginning of a part, or after `on`."""
    number = number_of(tokens[at])
    if number is None:
        return None
    before = tokens[at - 1] if at else "\n"
    follows = tokens[at + 1] if at + 1 < len(tokens) else "\n"
    if before == "the":
        before = tokens[at - 2] if at > 1 else "\n"
    if before == "|" and (at < 2 or tokens[at - 2] in "\n*-"):
        before = "\n"
    if before in ON:
        if follows in COUNTED:
            return None
        return _extended(tokens, Label(at, at + 1, (number,)), True, False)
    numbered = follows == ")" and tokens[at].isdecimal()
    if not (before in BEFORE_BARE or numbered) or follows in COUNTED:
        return None
    after = tokens[at + 2] if at + 2 < len(tokens) else "\n"
    if follows in ("-", ">", "=") and number_of(after) is not None:
        return None
    if follows in (".", ")"):
        return Label(at, at + 2, (number,)) if _is_numbered(tokens, at) else None
    if not tokens[at].isdecimal() and (follows not in AFTER_BARE | HOLDS or (follows in IS and after not in EMPTINESS)):
        return None
    wagon = follows in WAGONS and len(follows) == 1
    said = follows in AFTER_BARE or follows in HOLDS or follows in EMPTINESS
    return Label(at, at + 1, (number,)) if wagon or said else None


def _is_numbered(tokens: Sequence[str], at: int) -> bool:
    """Whether `1.` at the beginning of a line, or `1)` anywhere, names a track: what follows says its wagons.

    In a list of moves, or where a track is named after it, it is only the number of a line.
    """
    if tokens[at + 1] == "." and at and tokens[at - 1] not in "\n*-":
        return False
    line: list[str] = []
    for end in range(at + 2, min(at + 40, len(tokens))):
        if tokens[end] in "\n.;" or (tokens[end] == ")" and number_of(tokens[end - 1]) is not None):
            break
        if label_at(tokens, end) is not None or tokens[end] in (">", "to", "onto", "into", "nach"):
            return False
        line.append(tokens[end])
    said = any((token in WAGONS and len(token) == 1) or token in EMPTINESS for token in line)
    return said or not any(token.isalpha() for token in line)


def _names_by_ordinals(tokens: Sequence[str]) -> bool:
    """Whether ranks name tracks in this text: somewhere with the word, or because no track has a number."""
    named = [tokens[at] in ORDINALS for at in range(len(tokens)) if label_at(tokens, at) is not None]
    told = {
        tokens[at]
        for at in range(1, len(tokens) - 1)
        if tokens[at] in ORDINALS and tokens[at - 1] == "the" and tokens[at + 1] in HOLDS | {"there"}
    } | {tokens[at] for at in range(len(tokens) - 1) if tokens[at] in ORDINALS and tokens[at + 1] in (":", "=")}
    return any(named) or not named or len(told) > 1


def _ordinal(tokens: Sequence[str], at: int) -> Label | None:
    """`the second`, or `second:`, where another part of the text has said `the first track`."""
    follows = tokens[at + 1] if at + 1 < len(tokens) else "\n"
    before = tokens[at - 1] if at else "\n"
    if tokens[at] not in ORDINALS or follows in WAGON_NOUNS:
        return None
    length = 2 if follows == "one" else 1
    after = tokens[at + length] if at + length < len(tokens) else "\n"
    further = tokens[at + length + 1] if at + length + 1 < len(tokens) else "\n"
    stated = (
        after == ":"
        or (after in HOLDS and (after not in IS or further in EMPTINESS | OCCUPIED))
        or after in ("by", "with")
    )
    if before == "the":
        return Label(at, at + length, (ORDINALS[tokens[at]],)) if stated or tokens[at - 2 : at - 1] in ONS else None
    return Label(at, at + length, (ORDINALS[tokens[at]],)) if after == ":" and before in BEFORE_BARE else None
