"""States in notations, written out: tables, columns, lists by position and coordinates as `track 1: A B; …`.

Only what is a notation beyond doubt is rewritten, line by line; the words around it stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from router.world.yard.idioms import NOUN, in_plain_words, without_spans
from router.world.yard.order import side_first
from router.world.yard.state import CAPACITY, TRACKS
from router.world.yard.tables import as_tracks, cells_of, is_ruler
from router.world.yard.words import ORDINALS, plain, tokens_of, with_wagons

__all__ = ["written_out"]

NOTHING = (
    r"empty|nothing|none|nil|null|vacant|free|clear|bare|no|leer|frei|0|\u2205|\u00f8|x|-{1,3}|_|\(\)|\[\s?\]"
    r"|\(empty\)|\.{1,3}"
)
CELL = rf"(?:\[?[A-Z](?:[ ,&+]{{0,3}}[A-Z]){{0,6}}\]?|[a-f]{{1,6}}|{NOTHING})"
BY_PLACE = re.compile(
    rf"(?<![\w|/;])({CELL})(?:\s?(?P<mark>[|/;])\s?({CELL}))(?:\s?(?P=mark)\s?({CELL})){{2}}(?![\w|/;])"
)
NESTED = re.compile(r"(?:\b[^\W\d]{1,20}\s?[=:]\s?)?\[\s?(?:[\[(][^\[\]()\n]{0,60}[\])]\s{0,3},?\s{0,3}){2,8}\]")
LIST = rf"\[(?:(?:[ ,&+]{{0,4}}[A-Fa-f]\b){{0,6}}|\s?{CELL})[ ,]{{0,3}}\]"
LISTS = re.compile(rf"{LIST}(?:\s?[,;/|]?\s?{LIST}){{3}}(?!\s?[,;/|]?\s?\[)")
FEW = rf"(?:[A-F](?: ?[A-F]){{0,5}}|{NOTHING})"
BY_COMMA = re.compile(rf"(?<![\w,])({FEW})(?:\s?,\s?({FEW})){{3}}(?!\s?[\w,])")
INNER = re.compile(r"[\[(]([^\[\]()\n]{0,60})[\])]")
QUOTED_LIST = re.compile(
    rf"(?:\b[^\W\d]{{1,20}}\s?=\s?)?\[\s{{0,3}}({CELL}|)(?:\s{{0,3}},\s{{0,3}}({CELL}|)){{3}}\s{{0,3}}\]"
)
SPAN = re.compile(
    rf"(?:\b(?:the|on|of)\s)?\b(?:{NOUN})?\s?(?:1|one)\s?(?:-|to|through|until|bis|\.\.|\.\.\.)\s?(?:4|four)\b"
    r"(?:\s?[:=](?!\s?$))?",
    re.IGNORECASE,
)
PLACED = re.compile(
    r"\b([A-Fa-f])\s?@\s?(?:[a-z]{1,7}\s?)?(\d)\s?[.,:/-]\s?(?:[a-z]{1,9}\s?)?(\d)\b\s?[,;.]?\s?(?:and\s)?"
)
LEGEND = re.compile(r"[^.:!?\n@]{0,40}\b[a-z]+@[a-z]+[.,:/-][a-z]+\b([^:\n@]{0,90})[:.]", re.IGNORECASE)
PLACE = r"(?:position|place|slot|spot|pos\.?)\s?(?:no\.?|number|#)?\s?"
LINK = r"(?:(?:is|are|stands|sits|parked|at|on|in|the|wagon|car|of)\s){0,5}"
BY_TRACK = re.compile(rf"\b([A-F])\b\s?[:=(,]?\s?{LINK}(?:{NOUN})\s?(\d)\s?,?\s?{LINK}{PLACE}(\d)\b\)?", re.IGNORECASE)
BY_POSITION = re.compile(
    rf"\b([A-F])\b\s?[:=(,]?\s?{LINK}{PLACE}(\d)\s?,?\s?{LINK}(?:{NOUN})\s?(\d)\b\)?", re.IGNORECASE
)
RANK = "|".join(rank for rank, number in ORDINALS.items() if number <= CAPACITY)
BY_RANK = re.compile(
    rf"\b([A-F])\b (?:is|stands|sits|comes) (?:the )?({RANK}) (?:(?!from|behind|after|before)[a-z]+ ){{0,3}}?"
    rf"(?:the )?(?:{NOUN}) ?(\d)\b"
)
RANKED = re.compile(rf"{BY_RANK.pattern}(?:[\s,;.]{{1,3}}(?:and )?{BY_RANK.pattern})*")
PLACE_SAID = re.compile(rf"{PLACE}1\b[^.:\n]{{0,60}}", re.IGNORECASE)
OPENED = re.compile(r"<[^<>\n]{0,40}?(\d)[^<>\n\d]{0,20}>")
CLOSED = re.compile(r"</[^<>\n]{0,40}>")
TAG = re.compile(r"<[a-z][^<>\n]{0,40}>", re.IGNORECASE)
FIRST_AT_SWITCH = re.compile(r"\b1\b[^.:\n]{0,40}\b(?:switch|points|turnout|throat|exit|front)\b", re.IGNORECASE)
NAMED = re.compile(
    rf"\b(?:{NOUN}|[tslrg])\s?(?:no\.?|number|#|_)?\s?(?:\d|one|two|three|four)\b|\d\s?[=:]\s?$"
    rf"|\b(?:first|second|third|fourth|1st|2nd|3rd|4th)\s(?:{NOUN}|$|:)",
    re.IGNORECASE,
)
IN_BRACKETS = re.compile(
    rf"\(\s?(?:(?:on|in|at)\s)?(?:the\s)?(?:{NOUN})\s?(?:no\.?|number)?\s?([1-4])\s?\)", re.IGNORECASE
)
BULLET = re.compile(r"^\s{0,6}(?:[-+]\s)?\s{0,3}")
BARE = re.compile(rf"\s{{0,6}}(?:[-+]\s)?\s{{0,3}}(?:{CELL}|[\[(]\s{{0,3}}(?:{CELL})?\s{{0,3}}[\])])\s{{0,6}}[,;]?")
ROW = re.compile(rf"[ \t>+]{{0,8}}(?:(?:{NOUN}|[a-z])\s?)?#?(\d)\s{{0,4}}([;,\t])(.{{0,60}})", re.IGNORECASE)
DRAWN = re.compile(
    rf"[ \t+]{{0,8}}(?:(?:{NOUN}|t)\s?)?#?(\d)\s{{0,4}}:?\s{{0,4}}([^\w\s]{{1,12}}.{{0,90}})", re.IGNORECASE
)

MOST_LISTS = 8
"""Of one line that are written out."""


def written_out(text: str) -> str:
    """The text, plain as `plain` makes it, with its notations as statements of one track each."""
    lines = _tables(
        IN_BRACKETS.sub(r" on track \1 ", _placed(_pointed(_tagged(in_plain_words(plain(text)))))).split("\n")
    )
    return "\n".join(without_spans(_line(line)) for line in _bare(_rows(lines)))


def _said(tracks: Sequence[str]) -> str:
    return "; ".join(f"track {number}: {_cell(cell)}" for number, cell in enumerate(tracks, 1)) + " . "


def _cell(cell: str) -> str:
    """A cell's wagons, or `empty`; what is neither stays for the reader to judge."""
    said = re.sub(r"[\[\](){}|]", " ", cell).strip(" ,;\t.")
    return "empty" if said in ("", "-", "--", "---", "_", "x", "X", "0", "\u2205", "\u00f8", "no") else said


def _line(line: str) -> str:
    """A line with its lists of four, by position, written out."""
    for form in (NESTED, LISTS, BY_PLACE, BY_COMMA, QUOTED_LIST):
        at = 0
        for _ in range(MOST_LISTS):
            match = form.search(line, at)
            if match is None:
                break
            said = _listed(line, match, form)
            line, at = (line, match.end()) if said is None else said
    return line


def _listed(line: str, match: re.Match[str], form: re.Pattern[str]) -> tuple[str, int] | None:
    """The line with one list written out, and where that ends; what its brackets say of the order comes before it."""
    before, after = line[: match.start()], line[match.end() :]
    if form is NESTED:
        found = INNER.findall(match[0][match[0].index("[") + 1 :])
    elif form is QUOTED_LIST:
        found = match[0][match[0].index("[") + 1 : -1].split(",")
    elif form is LISTS:
        found = INNER.findall(match[0])
    elif form is BY_COMMA:
        found = match[0].split(",")
    else:
        found = match[0].split(match["mark"])
        if after.lstrip()[:1] == match["mark"] or before.rstrip()[-1:] == match["mark"]:
            return None
    letters = all(len(cell.strip()) == 1 and cell.strip().isalpha() for cell in found)
    sure = form in (NESTED, LISTS) or (form is BY_PLACE and match["mark"] == "|") or not letters
    sentence = re.split(r"[.;?!](?:\s|$)", before)[-1]
    headed = SPAN.search(before[-30:])
    if (
        len(found) != TRACKS
        or (headed is None and form is BY_COMMA)
        or (headed is None and NAMED.search(SPAN.sub(" ", sentence)))
    ):
        return None
    if not sure and not (SPAN.search(sentence) or SPAN.search(after[:80])):
        return None
    note = re.match(r"\s{0,3}(\(([^()]{0,120})\)|#(.{0,120})$)", after)
    aside = ""
    if note is not None:
        aside, after = (note[2] or note[3] or ""), after[note.end() :]
    aside = SPAN.sub(" ", aside).strip(" ,;:")
    made = f"{SPAN.sub(' ', before)} {aside + ' : ' if aside else ''}{_said(found)}"
    return made + after, len(made)


def _tagged(text: str) -> str:
    """Tags like `<track n="1">A B</track>` as `track 1: A B;`."""
    if "</" not in text:
        return text
    return TAG.sub(" ", CLOSED.sub(" ; ", OPENED.sub(r" track \1: ", text)))


def _pointed(text: str) -> str:
    """`A is on track 1 at position 2`, and the like, as `A@1.2`."""
    text = RANKED.sub(_ranked, text)
    return BY_POSITION.sub(r" \1@\3.\2 ", BY_TRACK.sub(r" \1@\2.\3 ", text))


def _ranked(match: re.Match[str]) -> str:
    """`A is first on track 1, B is second on track 1` as `A@1.1, B@1.2`, where no rank of a track is left out."""
    found = [(wagon, track, ORDINALS[rank]) for wagon, rank, track in BY_RANK.findall(match[0])]
    taken = sorted((track, place) for _, track, place in found)
    tracks = [track for track, _ in taken]
    if [place for _, place in taken] != [tracks[:at].count(track) + 1 for at, track in enumerate(tracks)]:
        return match[0]
    return ", ".join(f"{wagon}@{track}.{place}" for wagon, track, place in found) + "."


def _placed(text: str) -> str:
    """Wagons told one by one as `A@2.1`, the track and the place on it."""
    if "@" not in text:
        return text
    legend = LEGEND.search(text)
    told = legend[1] if legend is not None else " ".join(PLACE_SAID.findall(text))
    text = LEGEND.sub(" ", text)
    made: list[str] = []
    always = FIRST_AT_SWITCH.search(told) is not None or _counts_from_switch(
        re.split(r"\d", text)[0].rpartition(":")[0]
    )
    end, backwards = 0, always
    group: list[tuple[str, str, str]] = []
    for match in PLACED.finditer(text):
        between = text[end : match.start()]
        if between.strip():
            made.append(_coordinates(group, backwards))
            group, backwards = [], always or _counts_from_switch(between.rpartition(":")[2])
        made.append(between)
        group.append((match[2], match[3], match[1].upper()))
        end = match.end()
    backwards = backwards or _counts_from_switch(re.split(r"[.\n]", text[end : end + 60])[0])
    made.append(_coordinates(group, backwards))
    return "".join(made) + text[end:]


def _counts_from_switch(said: str) -> bool:
    """Whether the words beside places say that they count from the switch, as in `counted from the switch`."""
    since = re.split(r"\d[^.:\n]*", said)[-1]
    return any(side_first(with_wagons(tokens_of(part))) == "switch" for part in re.split(r"[.:\n()]", since))


def _coordinates(group: Sequence[tuple[str, str, str]], backwards: bool) -> str:
    if not group:
        return ""
    tracks: dict[str, list[str]] = {}
    for track, _, wagon in sorted(group, key=lambda each: each[:2], reverse=backwards):
        tracks.setdefault(track, []).append(wagon)
    return (
        "; ".join(
            f"track {track} from the buffer stop: {' '.join(wagons)}"
            if len(wagons) > 1
            else f"track {track}: {''.join(wagons) or 'empty'}"
            for track, wagons in sorted(tracks.items())
        )
        + " . "
    )


def _tables(lines: Sequence[str]) -> list[str]:
    """Tables with bars, by rows or by columns."""
    made: list[str] = []
    block: list[str] = []
    for line in [*lines, ""]:
        if line.count("|") > 1 or (block and (is_ruler(line) and line.strip())):
            block.append(line)
            continue
        if block:
            made += _table(block)
            block = []
        made.append(line)
    return made[:-1]


def _table(block: Sequence[str]) -> list[str]:
    said = as_tracks([cells_of(line) for line in block if not is_ruler(line)])
    return list(block) if said is None else [f"{said} . "]


def _rows(lines: Sequence[str]) -> list[str]:
    """Lines like `1;AB` or `1 ]--A--B--`, three or more under each other, and the columns' names above them."""
    made: list[str] = []
    at = 0
    while at < len(lines):
        for form in (ROW, DRAWN):
            end = at
            while end < len(lines) and (match := form.fullmatch(lines[end])) and _holds_cells(match):
                end += 1
            if end - at > 2:
                break
        if end - at < 3:
            made.append(lines[at])
            at += 1
            continue
        if (
            form is ROW
            and made
            and not re.search(r"\d", made[-1])
            and re.search(rf"\b(?:{NOUN})\b.{{0,4}}[;,\t]", made[-1])
        ):
            made[-1] = re.sub(rf"^.*\b(?:{NOUN})\b.{{0,4}}[;,\t]", " ", made[-1], flags=re.IGNORECASE).strip() + " :"
        for line in lines[at:end]:
            match = form.fullmatch(line)
            wagons = " ".join(_letters(match[match.lastindex or 0])) if match else ""
            made.append(f"track {match[1] if match else ''}: {wagons or 'empty'}")
        at = end
    return made


def _bare(lines: Sequence[str]) -> list[str]:
    """Four lines under each other with nothing but the wagons of a track each, or a word for none."""
    made = list(lines)
    run: list[int] = []
    for at, line in enumerate([*lines, "end"]):
        if BARE.fullmatch(line):
            run.append(at)
            continue
        if len(run) == TRACKS and any(re.search(r"\b[A-F]", made[each]) for each in run):
            for number, each in enumerate(run, 1):
                made[each] = f"track {number}: {_cell(BULLET.sub('', made[each]))}"
        run = []
    return made


def _letters(cell: str) -> list[str]:
    return [letter for run in re.findall(r"[^\W_\d]+", cell) if run.lower() not in EMPTY_WORDS for letter in run]


EMPTY_WORDS = frozenset(
    ["empty", "nothing", "none", "nil", "null", "vacant", "free", "clear", "bare", "leer", "frei", "o"]
)


def _holds_cells(match: re.Match[str]) -> bool:
    runs = re.findall(r"[^\W_]+", match[match.lastindex or 0])
    return all(run.lower() in EMPTY_WORDS or re.fullmatch(r"[A-Z]{1,6}|[a-f]|0", run) for run in runs)
