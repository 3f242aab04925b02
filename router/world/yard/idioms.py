"""Turns of phrase that say what simpler words say too: each is replaced by those before anything is read."""

from __future__ import annotations

import re
from collections.abc import Callable

from router.world.yard.state import CAPACITY, TRACKS
from router.world.yard.words import TRACK_NOUNS

__all__ = ["NOUN", "in_plain_words", "without_spans"]

NOUN = "|".join(sorted(TRACK_NOUNS, key=len, reverse=True))
SEVERAL = "|".join(noun for noun in NOUN.split("|") if noun.endswith("s") or noun in ("gleise", "gleisen"))
OUT = r"(?:leave|go|move|come|roll|pull)(?: out| off| away)?"
WAGON_GROUP = r"[(]\s?(?:[A-F](?:[ ,-]{0,2}[A-F]){0,5})?\s?[)][ ,;/|]{0,3}"


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


IDIOMS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # (A D) () (B C) (E F)
    (re.compile(f"(?:{WAGON_GROUP}){{{TRACKS}}}"), lambda found: found[0].translate(str.maketrans("()", "[]"))),
    # C (from 3 to 2)
    (_pattern(r"[(]\s?(from\s[^()\n]{1,30}\sto\s[^()\n]{1,30})[)]"), r"\1"),
    # 1: A D | 2: empty
    (_pattern(rf"\s[|]\s(?=(?:(?:{NOUN}|[a-z])\s?)?#?\d\s?[:=])"), " ; "),
    # Track 2, 0 of 4 places taken
    (
        _pattern(
            rf",?\s?[(]?\b(\d) of (?:{CAPACITY}|four) (?:places|spots|slots|positions|spaces)"
            r"(?: (?:are |is )?(?:taken|used|occupied|full|filled))?\b[)]?"
        ),
        lambda found: ": empty" if found[1] == "0" else "",
    ),
    # Only tracks 1 and 3 are in use.
    (
        _pattern(rf"\bonly (?:{NOUN}) (?:[\d, &]|and )+(?:is|are) (?:in use|used|occupied|taken)(?=[.;\n])"),
        "The other tracks are empty",
    ),
    # D is free to pull out
    (_pattern(rf"\b(is|are) (?:free|ready|able|first|next|the first|the next) to {OUT}\b"), r"\1 nearest the switch"),
    # the first to leave would be D
    (_pattern(rf"\bthe first (?:one )?to {OUT} (?:would be|will be|is)\b"), "nearest the switch is"),
)
SPAN = _pattern(
    rf"\b(?:{SEVERAL})\s?(?:1|one)\s?(?:-|to|through|until|bis|[.]{{2,3}})\s?(?:{TRACKS}|four)\b(?!\s?[:=]|\s(?:is|are|each|all)\b)"
)
"""All tracks named at once, with nothing said of them."""


def in_plain_words(text: str) -> str:
    """The text without them."""
    for pattern, said in IDIOMS:
        text = pattern.sub(said, text)
    return text


def without_spans(text: str) -> str:
    """The text without the numbers in `tracks 1 to 4` where nothing is told of them."""
    return SPAN.sub("they", text)
