"""Messages about the switch yard in the words of many people: phrasings held out of training, to measure `kind: world`.

A hobbyist, a programmer, a child, a dispatcher, somebody who learns English, the hurried and the wordy: each style is
one way to tell a state, a move, or a question, and each person has words of their own for a track and a wagon. All is
random, and the same for the same seed. These people are `FIRST`; a second, independent set is in `bench.yard_second`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import NamedTuple

from bench.yard_orders import JOINS, ORDERS, Join, Order, rendered
from bench.yard_questions import QUESTIONS
from bench.yard_states import LOWERCASE, STATES, StateStyle
from bench.yard_unreadable import BAD
from router.world.yard.state import CAPACITY, MOVES, TRACKS, WAGONS, Move, Yard

__all__ = ["BAD", "FIRST", "KINDS", "Sample", "Writer", "compose", "in_words_of", "request", "samples"]

KINDS = ("after", "safe", "plan")


@dataclass(frozen=True)
class Writer:
    """A set of people by their styles: each part of a message by the names of the ways to write it.

    `lowercase` names the states told without capitals. The words, singular to plural, begin with `track` and `wagon`;
    the initial of a track's word is no wagon's letter.
    """

    states: Mapping[str, StateStyle]
    orders: Mapping[str, Order]
    joins: Mapping[str, Join]
    questions: Mapping[str, Mapping[str, tuple[str, ...]]]
    lowercase: Set[str]
    track_words: Mapping[str, str]
    wagon_words: Mapping[str, str]

    @property
    def styles(self) -> tuple[str, ...]:
        """Every style by the name under which a report can show it: its part of the message, a colon, its own name."""
        return (
            *(f"state:{name}" for name in self.states),
            *(f"move:{name}" for name in self.orders),
            *(f"join:{name}" for name in self.joins),
            *(f"{kind}:{name}" for kind in KINDS for name in self.questions[kind]),
            *(f"word:{name}" for name in (*self.track_words, *self.wagon_words)),
        )


FIRST = Writer(
    states=STATES,
    orders=ORDERS,
    joins=JOINS,
    questions=QUESTIONS,
    lowercase=LOWERCASE,
    track_words={"track": "tracks", "siding": "sidings", "road": "roads", "line": "lines", "spur": "spurs"},
    wagon_words={
        "wagon": "wagons",
        "car": "cars",
        "coach": "coaches",
        "truck": "trucks",
        "vehicle": "vehicles",
        "carriage": "carriages",
    },
)


class Sample(NamedTuple):
    """One message. `moves` is empty for `plan`; `goal` is None for the other kinds; `safe` has exactly one move."""

    styles: tuple[str, ...]
    kind: str
    yard: Yard
    moves: tuple[Move, ...]
    goal: Yard | None
    text: str


def request(kind: str, yard: Yard, asked: Sequence[Move] | Yard, rng: Random, writer: Writer = FIRST) -> str:
    """A whole message of a user. `asked` is the goal for `plan` and the moves for the others; see `compose`."""
    return compose(kind, yard, asked, rng, writer)[1]


def compose(
    kind: str, yard: Yard, asked: Sequence[Move] | Yard, rng: Random, writer: Writer = FIRST
) -> tuple[tuple[str, ...], str]:
    """The names of the styles drawn, out of `writer.styles`, and the message written in them.

    Raises ValueError where the kind is none of `KINDS`, where `safe` has not exactly one move or `after` has none, and
    where a move before the last is not allowed. The last may be forbidden.
    """
    if kind not in KINDS:
        raise ValueError(f"a question is one of {', '.join(KINDS)}, not {kind!r}")
    question = rng.choice(tuple(writer.questions[kind]))
    paragraphs = writer.questions[kind][question]
    style = rng.choice(tuple(writer.states))
    styles = [f"{kind}:{question}", f"state:{style}"]
    places = {"state": _led(writer.states[style](yard, rng))}
    if isinstance(asked, Yard):
        goal_style = style if rng.random() < 0.5 else rng.choice(tuple(writer.states))
        styles += [f"state:{goal_style}"] * (goal_style != style)
        places["goal"] = _led(writer.states[goal_style](asked, rng))
    else:
        names, told = _moves(kind, paragraphs, asked, yard, rng, writer)
        styles += names
        places |= {place: text.lower() if style in writer.lowercase else text for place, text in told.items()}
    track, wagon = _word(writer.track_words, rng), _word(writer.wagon_words, rng)
    text = _laid_out([part.format(**places).strip() for part in paragraphs], rng)
    return (*styles, f"word:{track}", f"word:{wagon}"), in_words_of(text, track, wagon, writer)


def in_words_of(text: str, track: str, wagon: str, writer: Writer = FIRST) -> str:
    """The same text of somebody who says `track` and `wagon` in these words; the initial goes with them: `T1`, `S1`."""
    for standard, plural, own, words in (
        ("track", "tracks", track, writer.track_words),
        ("wagon", "wagons", wagon, writer.wagon_words),
    ):
        for old, new in ((standard, own), (plural, words[own])):
            text = re.sub(rf"\b{old}\b", new, text)
            text = re.sub(rf"\b{old.capitalize()}\b", new.capitalize(), text)
    text = re.sub(r"\bT(?=[1-4]\b)", track[0].upper(), text)
    return re.sub(r"\bt(?=[1-4]\b)", track[0], text)


def samples(n: int, seed: int, writer: Writer = FIRST) -> list[Sample]:
    """`n` messages about random yards of one to six wagons, the three kinds in turn.

    `after` has one to five allowed moves; `safe` is as often allowed as it is from an empty or to a full track; the
    goal of a `plan` is one to six random moves away and never the yard itself.
    """
    rng = Random(seed)
    return [_sample(KINDS[number % len(KINDS)], rng, writer) for number in range(n)]


def _sample(kind: str, rng: Random, writer: Writer) -> Sample:
    yard, goal = _random_yard(rng), None
    moves: tuple[Move, ...] = ()
    asked: tuple[Move, ...] | Yard
    if kind == "after":
        asked = moves = _walk(yard, rng.randint(1, 5), rng)
    elif kind == "safe":
        yard, move = _judged(rng.choice((None, None, "empty", "full")), rng)
        asked = moves = (move,)
    else:
        goal = yard
        while goal == yard:
            goal = _reached(yard, _walk(yard, rng.randint(1, 6), rng))
        asked = goal
    styles, text = compose(kind, yard, asked, rng, writer)
    return Sample(styles, kind, yard, moves, goal, text)


def _random_yard(rng: Random) -> Yard:
    tracks = [""] * TRACKS
    for wagon in rng.sample(WAGONS, rng.randint(1, len(WAGONS))):
        track = rng.choice([n for n in range(TRACKS) if len(tracks[n]) < CAPACITY])
        tracks[track] += wagon
    return Yard(tuple(tracks))


def _walk(yard: Yard, length: int, rng: Random) -> tuple[Move, ...]:
    moves: list[Move] = []
    while len(moves) < length:
        move = rng.choice([move for move in MOVES if yard.forbids(move) is None])
        yard = yard.after(move)
        moves.append(move)
    return tuple(moves)


def _reached(yard: Yard, moves: Sequence[Move]) -> Yard:
    for move in moves:
        yard = yard.after(move)
    return yard


def _judged(verdict: str | None, rng: Random) -> tuple[Yard, Move]:
    """A yard and a move in it with this verdict of `Yard.forbids`."""
    while True:
        yard = _random_yard(rng)
        if found := [move for move in MOVES if yard.forbids(move) == verdict]:
            return yard, rng.choice(found)


def _word(words: Mapping[str, str], rng: Random) -> str:
    """As often the plain word, which comes first, as any other."""
    plain, *others = words
    return plain if rng.random() < 0.5 else rng.choice(others)


def _led(text: str) -> str:
    """Text to stand behind a colon: rows begin below it."""
    return f"\n{text}" if "\n" in text else f" {text}"


def _moves(
    kind: str, paragraphs: Sequence[str], moves: Sequence[Move], yard: Yard, rng: Random, writer: Writer
) -> tuple[list[str], dict[str, str]]:
    """The styles in which the moves are told, and their text for each place where one may stand."""
    if not moves or (kind == "safe" and len(moves) != 1):
        raise ValueError(f"{kind} asks of {'exactly one move' if kind == 'safe' else 'moves'}, not of {len(moves)}")
    verbs = any("{do}" in part for part in paragraphs)
    last = _reached(yard, moves[:-1]).forbids(moves[-1])
    fitting = [
        name
        for name, order in writer.orders.items()
        if (order.verb or not verbs) and not (last == "empty" and order.names_wagon)
    ]
    style = rng.choice(fitting)
    order = writer.orders[style]
    told = rendered(order, moves, yard, rng)
    if len(told) == 1:
        return [f"move:{style}"], {"do": told[0], "one": told[0], "list": f" {told[0]}."}
    way = rng.choice(
        [name for name, join in writer.joins.items() if join.verb == order.verb and (join.inline or not verbs)]
    )
    text = writer.joins[way].say(told)
    return [f"move:{style}", f"join:{way}"], {"do": text, "list": _led(text) + "." * ("\n" not in text)}


def _laid_out(paragraphs: Sequence[str], rng: Random) -> str:
    """Paragraphs in a row where both are plain sentences and this person writes so, else below one another."""
    gap = rng.choice((" ", "\n", "\n\n"))
    text = paragraphs[0]
    for before, after in pairwise(paragraphs):
        plain = "\n" not in before + after and before[-1] in ".?!"
        text += (gap if plain or gap != " " else "\n") + after
    return text
