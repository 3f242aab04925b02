"""How the content of one track is said in training: many phrasings, made from a few frames and lists of synonyms.

A phrasing never names its track; `clause_of` brings a phrasing, or what a user wrote about a track, into the one form
that the encoder is given. What a user says in other words than these reaches the encoder with unknown words in it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from router.world.yard.state import WAGONS
from router.world.yard.words import clause_of, tokens_of

__all__ = ["CLAUSE_TOKENS", "WORDS", "canonical", "clause_of", "phrase"]

CLAUSE_TOKENS = 24
"""No training phrasing has more tokens than this as a clause."""

SYNONYMS: dict[str, Sequence[str]] = {
    "noun": ("wagon", "car", "carriage", "unit"),
    "nouns": ("wagons", "cars", "carriages", "units"),
    "holds": ("holds", "has", "carries", "contains", "keeps", "shows", "bears"),
    "taken": ("is occupied by", "is taken by", "occupied by", "is filled with", "with"),
    "buffer": (
        "buffer stop", "buffer", "buffers", "bumper", "back", "rear", "far end", "dead end", "end of the track",
        "buffer end", "inner end", "closed end",
    ),
    "switch": (
        "switch", "front", "points", "exit", "throat", "open end", "switch end", "turnout", "outer end", "way out",
    ),
    "at": ("at", "next to", "nearest", "closest to", "by", "beside"),
    "start": ("starting at", "starting from", "beginning at", "counting from", "read from", "seen from"),
    "deepest": ("deepest", "deepest in", "innermost", "farthest in", "all the way in"),
    "outermost": ("outermost", "farthest out", "frontmost"),
    "ahead": ("in front of", "ahead of"),
    "leaves": ("leaves first", "can leave first", "comes out first", "is the first to leave", "goes out first"),
    "then": ("then", "next", "followed by"),
}  # fmt: skip

COUNTS = ("no", "one", "two", "three", "four")

EMPTY = (
    "empty", "is empty", "stands empty", "nothing", "has nothing", "holds nothing", "has nothing on it",
    "no {nouns}", "no {noun}", "has no {nouns}", "holds no {noun}", "{holds} no {nouns}", "is free", "free",
    "vacant", "is vacant", "clear", "is clear", "is unoccupied", "unoccupied", "is not occupied", "none", "-",
    "there is nothing", "there is nothing on it", "there are no {nouns}", "nothing stands there",
    "no {noun} stands there", "bare", "without {nouns}", "is without {nouns}", "zero {nouns}", "0 {nouns}",
    "currently empty", "is still empty", "not used", "is completely empty", "nothing on track",
    "no {nouns} on track", "there is nothing on track", "nothing at all", "is unused",
)  # fmt: skip

PLAIN = (
    "{list}", "{list}", "{list}", "{holds} {list}", "{holds} {list}", "{nouns} {list}",
    "{holds} the {nouns} {list}", "{holds} {nouns} {list}", "{holds}: {list}", "{nouns}: {list}", "{taken} {list}",
    "{taken} the {nouns} {list}", "{list} stand there", "{list} are there", "{list} are here", "{list} on it",
    "there are {list}", "now {holds} {list}", "there stand {list}", "there is {list}", "currently {holds} {list}",
    "{holds} {count} {nouns}: {list}", "{count} {nouns}: {list}", "{count} {nouns}, {list}",
    "{list} are parked there", "{list} are on track", "{list} stand on track", "{list} on track", "you find {list}",
    "it {holds} {list}", "on it: {list}", "{list}, in this order", "{holds} {list} in that order",
    "in order {list}", "are {list}", "is {list}", "{holds} the {noun} {list}", "the {nouns} {list}",
)  # fmt: skip
"""The wagons are named from the buffer stop to the switch."""

LONE = (
    "only {list}", "just {list}", "{list} alone", "a single {noun}, {list}", "{holds} only {list}",
    "one {noun}: {list}", "{noun} {list}", "the {noun} {list}", "{holds} {noun} {list}", "nothing but {list}",
)  # fmt: skip

FROM_BUFFER = (
    "from the {buffer}: {list}", "from the {buffer}: {list}", "from the {buffer} {list}",
    "from the {buffer} to the {switch}: {list}", "from {buffer} to {switch}: {list}",
    "{start} the {buffer}: {list}", "{list} from the {buffer}", "{list}, {start} the {buffer}",
    "{list} ({buffer} first)", "{buffer} first: {list}", "{list}, from the {buffer} to the {switch}",
    "{holds} {list} from the {buffer}", "from the {buffer} it {holds} {list}", "{holds}, from the {buffer}, {list}",
    "{list}, {last} {at} the {switch}", "{list} with {last} {at} the {switch}",
    "{list} where {last} is {outermost}", "towards the {switch}: {list}", "{list} (the {switch} is {at} {last})",
)  # fmt: skip

FROM_SWITCH = (
    "from the {switch}: {back}", "from the {switch}: {back}", "from the {switch} {back}",
    "from the {switch} to the {buffer}: {back}", "from {switch} to {buffer}: {back}",
    "{start} the {switch}: {back}", "{back} from the {switch}", "{back}, {start} the {switch}",
    "{back} ({switch} first)", "{switch} first: {back}", "{back}, from the {switch} to the {buffer}",
    "{holds} {back} from the {switch}", "from the {switch} it {holds} {back}", "{holds}, from the {switch}, {back}",
    "{back}, {first} {at} the {buffer}", "{back} with {first} {at} the {buffer}",
    "{back} where {first} is {deepest}", "towards the {buffer}: {back}",
)  # fmt: skip

ORDERED = (
    "{first} {at} the {buffer}, {then} {rest}", "{first} is {at} the {buffer}, then {rest}",
    "{at} the {buffer} {first}, then {rest}", "{first} is {deepest}, then {rest}", "first {first}, then {rest}",
    "first {first}, then {steps}", "{allsteps}", "{allsteps} {at} the {switch}", "{first}, {then} {rest}",
    "{last} {at} the {switch}, then {others}", "{last} is {at} the {switch}, behind it {others}",
    "{last} is {at} the {switch}, behind it {othersteps}", "{at} the {switch} {last}, then {others}",
    "{at} the {switch} is {last}, behind it {othersteps}", "{last} is {outermost}, then {others}",
    "the last is {last}, before it {before}", "last is {last}, before it {before}",
    "{last} is last, before it {before}", "{behind}", "{aheadof}", "{holds} {behind}", "{holds} {aheadof}",
    "{last}, behind it {behindit}", "{last} {at} the {switch}, behind it {behindit}",
    "{last} {leaves}, then {others}", "{last} {leaves}, then {othersteps}", "{front} behind {last}",
    "{holds} {last}, and behind it {othersteps}", "the {noun} {at} the {switch} is {last}, behind it {othersteps}",
    "the {noun} {at} the {buffer} is {first}, then {rest}",
)  # fmt: skip
"""For two wagons or more, the order said in words."""

THREE = (
    "{first} {at} the {buffer}, {last} {at} the {switch}, {middle} between them",
    "{first} {at} the {buffer}, {last} {at} the {switch} and {middle} in between",
    "{last} {at} the {switch}, {middle} in the middle, {first} {at} the {buffer}",
    "{first} {at} the {buffer}, {middle} in the middle, {last} {at} the {switch}",
)  # fmt: skip
"""For exactly three."""

TWO = (
    "{first} {at} the {buffer} and {last} {at} the {switch}",
    "{last} {at} the {switch} and {first} {at} the {buffer}",
)
"""For exactly two."""

JOINTS = (" ", " ", ", ", ", ", ",", " - ", "-", " then ", ", then ", " and ", " & ", " + ", "/", "; ", " > ", "")
LAST_JOINTS = (" and ", ", and ", " & ", " then ", " and then ", ", then ")
FIELD = re.compile(r"\{(\w+)\}")


def canonical(wagons: str) -> str:
    """The clause of a track as the yard itself says it: `A C F`, or `empty`."""
    return " ".join(wagons) or "empty"


def phrase(wagons: str, rng: random.Random) -> str:
    """One training phrasing of a track's wagons, which are given from the buffer stop to the switch."""
    while True:
        said = _fill(rng.choice(_frames(len(wagons), rng)), wagons, rng)
        if len(clause_of(said).split()) <= CLAUSE_TOKENS:
            return said[:1].upper() + said[1:] if rng.random() < 0.2 else said


def _frames(count: int, rng: random.Random) -> Sequence[str]:
    if count == 0:
        return EMPTY
    if count == 1:
        return rng.choice((PLAIN, PLAIN, LONE, FROM_BUFFER, FROM_SWITCH))
    groups = [PLAIN, PLAIN, FROM_BUFFER, FROM_SWITCH, ORDERED]
    if count < 4 and rng.random() < 0.2:
        groups.append(TWO if count == 2 else THREE)
    return rng.choice(groups)


def _fill(frame: str, wagons: str, rng: random.Random) -> str:
    return FIELD.sub(lambda field: _field(field[1], wagons, rng), frame)


def _field(name: str, wagons: str, rng: random.Random) -> str:
    if name in SYNONYMS:
        return rng.choice(SYNONYMS[name])
    if name == "count":
        return rng.choice((COUNTS[len(wagons)], str(len(wagons))))
    backwards = wagons[::-1]
    if (joint := CHAINS.get(name)) is not None:
        order, between = joint
        chosen = {"list": wagons, "back": backwards, "rest": wagons[1:], "others": backwards[1:]}[order]
        return _fill(between, "", rng).join(chosen)
    match name:
        case "first" | "last":
            return wagons[0] if name == "first" else wagons[-1]
        case "middle":
            return wagons[1:-1]
    return _listed({"list": wagons, "back": backwards, "rest": wagons[1:], "front": wagons[:-1]}[name], rng)


CHAINS = {
    "steps": ("rest", ", then "),
    "allsteps": ("list", ", then "),
    "others": ("others", ", then "),
    "othersteps": ("others", ", then "),
    "behindit": ("others", ", behind that "),
    "before": ("others", ", before that "),
    "behind": ("list", " behind "),
    "aheadof": ("back", " {ahead} "),
}
"""Fields that say the order between one wagon and the next: which wagons, and the words between them."""


def _listed(wagons: str, rng: random.Random) -> str:
    joint = rng.choice(JOINTS)
    named = [f"{rng.choice(SYNONYMS['noun'])} {wagon}" for wagon in wagons] if rng.random() < 0.08 else list(wagons)
    if len(named) > 1 and rng.random() < 0.4:
        joint = joint if joint in (" ", ", ") else ", "
        return joint.join(named[:-1]) + rng.choice(LAST_JOINTS) + named[-1]
    return (joint or ("" if named == list(wagons) else " ")).join(named)


def _words() -> tuple[str, ...]:
    frames = (*EMPTY, *PLAIN, *LONE, *FROM_BUFFER, *FROM_SWITCH, *ORDERED, *THREE, *TWO)
    between = (words for _, words in CHAINS.values())
    synonyms = (word for words in SYNONYMS.values() for word in words)
    said = (*frames, *between, *synonyms, *COUNTS[1:], *JOINTS, *LAST_JOINTS, *map(str, range(1, 5)), " ".join(WAGONS))
    return tuple(sorted({token for text in said for token in tokens_of(FIELD.sub(" ", text))}))


WORDS = _words()
"""Every token that a clause of a training phrasing may have: the words of the encoder's vocabulary."""
