"""A text taken apart: what is said of each track, in which part of the text, and what is said of moves.

The text is cut into pieces at its sentences, commas and joining words. A piece that says where a wagon goes is part of
a move; one that names a track begins (or, as in `A and B are on track 2`, ends) what is said of that track, and the
pieces without a track go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from router.world.yard.bearings import RELATIONS, Side, names_side, tells_place
from router.world.yard.labels import Label, labels_of
from router.world.yard.moves import Part, part_of
from router.world.yard.order import BLANK, EMPTINESS, Unclear, side_first
from router.world.yard.pieces import COLONS, MARKS, PARTING, YES_OR_NO, Piece, is_wagon, pieces_of
from router.world.yard.sections import Section, numbers_states, only_names_state, section_of
from router.world.yard.words import WAGON_NOUNS, label_at, words

__all__ = ["Apart", "Statement", "taken_apart"]

THE_REST = words("rest other others remaining remainder else everything \u00fcbrigen anderen elsewhere everywhere")
THEY = words("they these those it namely there here")
UNKNOWN = words("unknown unclear invisible hidden unsure forgot forgotten")
DENIED = words("not cannot can't don't didn't couldn't no never haven't nicht")
KNOWN = words("see seen know known tell remember sure certain visible checked looked read recall wei\u00df sehe")
POINTING = words("it that which them its")
AROUND_LABEL = BLANK | words("on in at the auf dem das is are stands there and und of with here we find have on: i see")


@dataclass(slots=True)
class Statement:
    """What is said of some tracks (one, but where several are empty): their numbers from 1 and the tokens."""

    tracks: tuple[int, ...]
    words: list[str]
    end: int
    """The token of the text after the last of them."""
    sentence: int
    trailing: bool
    """The track is named at the end, after its wagons."""
    marked: bool
    """A colon or the like follows the track's name, so that saying nothing says that it is empty."""
    asks: bool
    first: Side = "buffer"
    """The side that its list begins at where nothing else is said."""
    section: Section = ""
    fresh: bool = False
    """A word such as `goal` begins a new section here."""
    headed: bool = False
    """A heading such as `this is what I have:` stands before it."""

    @property
    def wagons(self) -> set[str]:
        return {token for token in self.words if is_wagon(token)}

    @property
    def is_intro(self) -> bool:
        """Several tracks are named and nothing is said of them: `There are the tracks 1, 2, 3 and 4.`"""
        return self.blank and not self.marked and len(self.tracks) > 1

    @property
    def is_open(self) -> bool:
        """Nothing has been said of the track yet, not even by a mark such as `-`."""
        return self.blank and not {"-", "_", "[", "("}.intersection(self.words)

    @property
    def blank(self) -> bool:
        return set(self.words) <= AROUND_LABEL | {"track"}


@dataclass(slots=True)
class Apart:
    """All that a text says, in its order."""

    statements: list[Statement] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    section: Section = ""
    fresh: bool = False
    headed: bool = False
    first: Side = "buffer"
    """The side that lists begin at from here on."""
    lasting: bool = False
    """That side was said for the whole text, and not as the head of one state."""
    waiting: list[str] = field(default_factory=list)
    """Words with wagons in them that the next track named takes up."""
    numbered: bool = False
    """Numbers and ranks without a word for tracks count states, as in `turn the first into the second`."""
    moved: int = -1
    """The sentence that the last move was said in."""
    led: bool = False
    """The last track named in this sentence stands before its wagons, and pieces without a track have been added."""

    @property
    def begun(self) -> bool:
        """A section or a heading has begun, and nothing has been said under it."""
        return self.fresh or self.headed


def taken_apart(tokens: Sequence[str]) -> Apart:
    """Reads the tokens of `with_wagons`. Raises Unclear where a wagon or a track cannot be placed."""
    labels = labels_of(tokens)
    apart = Apart(numbered=numbers_states(tokens))
    sentence, at = -1, 0
    for piece in pieces_of(tokens, labels):
        if piece.sentence != sentence:
            _close(apart)
            sentence = piece.sentence
        while at < len(labels) and labels[at].start < piece.start:
            at += 1
        last = at
        while last < len(labels) and labels[last].start < piece.end:
            last += 1
        _read_piece(apart, tokens, piece, labels[at:last])
    _close(apart)
    return apart


def _read_piece(apart: Apart, tokens: Sequence[str], piece: Piece, labels: Sequence[Label]) -> None:
    waiting = bool(apart.parts) and not apart.parts[-1].targets and not apart.parts[-1].back
    listing = apart.moved == piece.sentence and not apart.waiting
    part = part_of(tokens, piece.start, piece.end, labels, waiting, listing)
    if part is not None and not (apart.numbered and not labels and not part.wagons):
        apart.parts.append(part)
        apart.moved = piece.sentence
        return
    before = tokens[piece.start : labels[0].start if labels else piece.end]
    headed = _heading(before)
    found = "" if apart.fresh and only_names_state(before) else section_of(before[:headed] or before)
    if not labels and piece.end - piece.start < 4 and tokens[piece.end : piece.end + 1] == ["?"]:
        found = ""
    if headed or (found and (found != apart.section or apart.statements)):
        _close(apart)
        if apart.statements and not apart.lasting:
            apart.first = "buffer"
        apart.headed = apart.headed or headed > 0
    if found and (found != apart.section or apart.statements):
        apart.section, apart.fresh = found, found != apart.section or headed > 0
    if headed:
        before, piece = before[headed:], replace(piece, start=piece.start + headed, asks=False)
    if labels:
        first = None if _has_content(before) else side_first(before)
        if first is not None and ":" in before:
            _begin_at(apart, first, lasting=False)
        _read_labelled(apart, tokens, piece, labels)
    elif piece.start < piece.end:
        _read_other(apart, tokens, piece)


def _heading(said: Sequence[str]) -> int:
    """How many tokens at the beginning are a heading like `it should become:`; one that tells of a side is none."""
    for at in range(len(said) - 1, 0, -1):
        head = said[:at]
        if said[at] == ":" and any(map(str.isalpha, head)):
            if _has_content(head) or THE_REST.intersection(head) or label_at(head, 0) is not None:
                return 0
            tells = names_side(head) and (side_first(head) is not None or not section_of(said[: at + 1]))
            return 0 if tells else at + 1
    return 0


def _begin_at(apart: Apart, side: Side, *, lasting: bool) -> None:
    """Lists begin at that side; said on its own after a state, it is said of that state."""
    apart.lasting = lasting and not apart.statements and not apart.begun
    if lasting and apart.statements and not apart.begun:
        for statement in reversed(apart.statements):
            statement.first = side
            if statement.headed or statement.fresh:
                break
    else:
        apart.first = side


def _read_labelled(apart: Apart, tokens: Sequence[str], piece: Piece, labels: Sequence[Label]) -> None:
    said = tokens[piece.start : piece.end]
    if piece.asks and said[0] in YES_OR_NO and not any(map(is_wagon, said)):
        return
    lead = list(tokens[piece.start : labels[0].start])
    trailing = _has_content(lead) or (bool(apart.waiting) and not _has_content(tokens[labels[0].end : piece.end]))
    apart.led = apart.led and tokens[piece.start - 1 : piece.start] != [";"]
    if apart.waiting and (not trailing or apart.led):
        raise Unclear(_lost(apart.waiting))
    if trailing and apart.led and any(map(is_wagon, lead)) and piece.sentence == apart.statements[-1].sentence:
        raise Unclear(f'I cannot tell which track the wagons before "{" ".join(said[:12])}" stand on. {HINT}')
    tail = tokens[labels[-1].end : piece.end]
    if trailing and len(labels) > 1 and _has_content(tail):
        raise Unclear(f'I cannot tell which wagons stand on which track in "{" ".join(said[:20])}". {HINT}')
    if trailing and any(tokens[label.end : label.end + 1] in (["="], [":"]) for label in labels):
        raise Unclear(f'I cannot tell which wagons stand on which track in "{" ".join(said[:20])}". {HINT}')
    carried: tuple[int, ...] = ()
    for place, label in enumerate(labels):
        start = (labels[place - 1].end if place else piece.start) if trailing else label.start
        last = place + 1 == len(labels)
        end = piece.end if last else (label.end if trailing else labels[place + 1].start)
        if not place and _says_more(lead) and ":" not in lead:
            start = piece.start
        own = [*tokens[start : label.start], "track", *tokens[label.end : end]]
        if not last and not trailing and set(own) <= {"track", ",", "&", "/", "+", "on", "und"}:
            carried += label.tracks
            continue
        own = [*apart.waiting, *own] if trailing else own
        apart.waiting = []
        end = _closed(tokens, end, own)
        marked = tokens[label.end - 1] in COLONS or (label.end < len(tokens) and tokens[label.end] in COLONS)
        _state(apart, Statement(carried + label.tracks, own, end, piece.sentence, trailing, marked, piece.asks))
        carried = ()
    apart.led = False


def _state(apart: Apart, statement: Statement) -> None:
    previous = apart.statements[-1] if apart.statements else None
    if previous is not None and previous.is_intro and previous.sentence != statement.sentence:
        apart.statements.pop()
    if previous is not None and previous.blank and not previous.marked and previous.sentence == statement.sentence:
        statement.tracks = previous.tracks + statement.tracks
        statement.section, statement.fresh = previous.section, previous.fresh
        statement.headed = previous.headed
        apart.statements.pop()
    else:
        statement.section, statement.fresh, statement.first = apart.section, apart.fresh, apart.first
        statement.headed = apart.headed
    apart.fresh = apart.headed = False
    apart.statements.append(statement)


def _read_other(apart: Apart, tokens: Sequence[str], piece: Piece) -> None:
    said = list(tokens[piece.start : piece.end])
    previous = apart.statements[-1] if apart.statements else None
    same = previous is not None and previous.sentence == piece.sentence
    wagons = {token for token in said if is_wagon(token)}
    if not wagons:
        if _is_ignorance(said):
            raise Unclear(f"Say what stands on every track. {HINT}")
        near = previous is not None and (same or (previous.is_open and previous.sentence + 1 >= piece.sentence))
        if previous is not None and near and not apart.begun and _says_more(said):
            _add(previous, tokens, piece)
        elif not near and not piece.asks and (first := side_first(said)) is not None:
            ended = piece.end == len(tokens) or tokens[piece.end] in ".\n?!)"
            _begin_at(apart, first, lasting=ended and tokens[piece.end - 1] != ":")
        return
    if THE_REST.intersection(said) and not same:
        return
    if previous is not None and not apart.begun and (_goes_on(previous, said, wagons, same)):
        _add(previous, tokens, piece)
        apart.led = apart.led or (same and not previous.trailing)
        return
    if piece.asks and _only_asks(said):
        return
    apart.waiting += [",", *said] if apart.waiting else said


def _is_ignorance(said: Sequence[str]) -> bool:
    """Whether the user does not know what stands on the other tracks, as in `I cannot see the others`."""
    if not THE_REST.intersection(said):
        return False
    return bool(UNKNOWN.intersection(said) or (DENIED.intersection(said) and KNOWN.intersection(said)))


def _says_more(said: Sequence[str]) -> bool:
    """Whether a piece without wagons still tells where wagons stand, or that none do."""
    if THE_REST.intersection(said):
        return False
    return any(token in EMPTINESS for token in said) or tells_place(said)


def _add(statement: Statement, tokens: Sequence[str], piece: Piece) -> None:
    """A piece that goes on with what is said of a track, with the marks between them as the user wrote them."""
    between = list(tokens[statement.end : piece.start])
    said = list(tokens[piece.start : piece.end])
    statement.words += between if between and set(between) <= MARKS else [","] * (said[0] not in PARTING)
    statement.words += said
    statement.end = _closed(tokens, piece.end, statement.words)


def _closed(tokens: Sequence[str], end: int, said: list[str]) -> int:
    """Takes up the bracket that closes one in what is said; returns where the words end then."""
    if list(tokens[end : end + 1]) == [")"] and "(" in said:
        said.append(")")
        return end + 1
    return end


def _goes_on(previous: Statement, said: Sequence[str], wagons: set[str], same: bool) -> bool:
    """Whether words with wagons but without a track belong to the track named before."""
    points = any(tuple(said[at : at + n]) in RELATIONS for at in range(len(said)) for n in (1, 2, 3))
    points = points and bool(POINTING.intersection(said) or wagons & previous.wagons)
    if not same and (previous.is_intro or not previous.wagons):
        return not previous.is_intro and (previous.blank or bool(THEY.intersection(said)))
    if same:
        return not previous.trailing or points or wagons <= previous.wagons
    return points or previous.blank or wagons <= previous.wagons


def _only_asks(said: Sequence[str]) -> bool:
    return bool(words("where which what who how wo was welche wie").intersection(said))


def _close(apart: Apart) -> None:
    """At the end of a sentence or a section no words may be left that no track has taken."""
    if apart.waiting:
        raise Unclear(_lost(apart.waiting))
    apart.led = False


def _lost(waiting: Sequence[str]) -> str:
    said = " ".join(token for token in waiting[:16] if token != "\n")
    return f'I cannot tell which track "{said}" speaks of. {HINT}'


HINT = "Say what stands on each track, like this: Track 1: A C. Track 2: empty."


def _has_content(said: Sequence[str]) -> bool:
    return any(is_wagon(token) or (token in EMPTINESS and token not in WAGON_NOUNS) for token in said)
