"""Signs that a turn asks about a switch yard: wagons with letters on a few numbered tracks, whoever words it.

Such a question is told by its layout rather than by its words. People say siding, road, line or spur, write tables,
JSON and arrows, and ask in a word; but they all put single letters beside small numbers.
"""

from __future__ import annotations

import re

from router.request.wording import Wording, any_of, words

__all__ = ["asks_about_a_yard"]

_TRACK = r"(?:tracks?|sidings?|roads?|lines?|spurs?|lanes?|rails?|gleise?n?)"
_NUMBER = r"(?:[1-9]|one|two|three|four|five|six)"
_ORDINAL = r"(?:first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th)"
_BARE = r"(?:empty|free|none|nothing|clear|vacant|bare|unoccupied|leer|no \w+)"
_LETTER = r"(?:[b-f]|a(?! [a-z]{2}))(?![\w'])"

_STEMS = words("trac sidi road line spur lane rail glei yard wago carr coac vehi truc car cars t1 s1 r1 l1")
_LABELS = words(
    "1 2 3 4 5 6 7 8 9 one two three four five six first second third fourth fifth 1st 2nd 3rd 4th 5th t1 t2 t3 t4 "
    "s1 s2 s3 s4 r1 r2 r3 r4 l1 l2 l3 l4"
)
_NAMED = re.compile(
    r"\b"
    + any_of(
        rf"{_TRACK} (?:number |no\.? |nr\.? |#)?({_NUMBER})\b",
        rf"({_ORDINAL}) {_TRACK}\b",
        r"[tsrl]([1-9])\b",
    )
)
_FILLED = re.compile(
    rf"(?:\b[tsrl]?{_NUMBER}|\b{_ORDINAL} {_TRACK}|@{_NUMBER})\b[\"'`)\]]?"
    + r"(?:\s{0,2}[-–—:=|;,.>([{\]]){0,4}\s{0,2}[\"'🚃]?"
    + r"(?:(?:there )?(?:is|are|has|have|holds?|contains?|carries|stands?|hat)(?: only| just)? )?"
    + any_of(_LETTER, _BARE + r"\b", r"[a-f]{2,4}\b", r"[-–—❌](?=\s|$)", r"[\]}]")
)
_STANDS = re.compile(
    rf"(?<![\w']){_LETTER}\W{{0,3}}(?:\w+ ){{0,4}}(?:on|onto|to|from|at|in|auf) (?:the )?"
    + any_of(rf"{_TRACK}\b", rf"{_ORDINAL}\b", r"[1-9]\b")
)
_WAGON = re.compile(r"\b(?:wagg?ons?|wagens?|cars?|coach(?:es)?|carriages?|trucks?|vehicles?|railcars?)\b")
_TRACKS = re.compile(rf"\b{_TRACK}\b")
_YARD = re.compile(
    r"\b(?:(?:switch |train |railway )?yard|shunt\w*|sidings?|spurs?|wagg?ons?|buffer(?:s| stop| end)?|bumper|turnout"
    r"|switch(?: end)?|the points|my layout|rangier\w*)\b"
)
_LONE = re.compile(rf"(?<![\w'/.+#]){_LETTER}(?!\.[a-z])")
_RUN = re.compile(r"(?<![\w'/.+#])(?:[A-F]{2,4}|[A-F](?:-[A-F]){1,3})(?![\w'])")
_EMPTY = re.compile(rf"\b{_BARE}\b|\[\s*\]|[=|:]\s*-(?=[\s|,]|$)")
_ASKS = re.compile(
    r"\?|\b(?:moves?|orders?|steps?|result|report|tell|give|state|plan|goal|target|after\w*|permission|shunt\w*|how|what"
    r"|zug|züge|nach)\b"
)
_OTHER = re.compile(r"\b(?:minor|major|chords?|album|songs?|lyrics|poems?|rhymes?|verses?|quiz|exam|vitamins?)\b")
"""What else has tracks, lines and letters."""

ENOUGH = 6
"""Marks that make a yard. A sentence about a train, an album or a line of code has three or four of them."""


def asks_about_a_yard(wording: Wording) -> bool:
    """Wagons are placed on tracks, and something is asked or ordered."""
    if not wording.has_any(_STEMS) or wording.words.isdisjoint(_LABELS):
        return False
    text = wording.lower
    letters = len(set(_LONE.findall(text))) + len(_RUN.findall(wording.text))
    if (not letters and _YARD.search(text) is None) or _ASKS.search(text) is None or _OTHER.search(text) is not None:
        return False
    return _marks(text) + min(2, letters) >= ENOUGH


def _marks(text: str) -> int:
    named = {label for found in _NAMED.findall(text) for label in found if label}
    marks = min(3, len(named)) + min(3, len(_FILLED.findall(text))) + min(2, len(_STANDS.findall(text)))
    marks += min(3, len(set(_YARD.findall(text)))) + (_EMPTY.search(text) is not None)
    marks += (_WAGON.search(text) is not None) + (_TRACKS.search(text) is not None)
    return marks
