"""An evaluation on phrasings is as good as they are: each tells the whole yard, once, and says the same for a seed."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from bench.yard_fourth import FOURTH
from bench.yard_phrasings import BAD, FIRST, KINDS, Sample, Writer, compose, in_words_of, request, samples
from bench.yard_second import SECOND
from bench.yard_third import THIRD
from router.world.yard.state import CAPACITY, MOVES, TRACKS, WAGONS, Move, Yard


def _yards(count: int, seed: int) -> list[Yard]:
    rng = Random(seed)
    yards: list[Yard] = []
    while len(yards) < count:
        tracks = [""] * TRACKS
        for wagon in rng.sample(WAGONS, rng.randint(1, 6)):
            tracks[rng.randrange(TRACKS)] += wagon
        if max(map(len, tracks)) <= CAPACITY:
            yards.append(Yard(tuple(tracks)))
    return yards


YARDS = _yards(200, seed=7)
WRITERS = {"first": FIRST, "second": SECOND, "third": THIRD, "fourth": FOURTH}
TALKS: dict[str, list[Sample]] = {name: samples(3000, seed=11, writer=writer) for name, writer in WRITERS.items()}

each_writer = pytest.mark.parametrize("name", WRITERS)
each_state = pytest.mark.parametrize(
    ("writer", "style"),
    [pytest.param(writer, style, id=f"{name}-{style}") for name, writer in WRITERS.items() for style in writer.states],
)
each_order = pytest.mark.parametrize(
    ("writer", "style"),
    [pytest.param(writer, style, id=f"{name}-{style}") for name, writer in WRITERS.items() for style in writer.orders],
)
each_order_by_wagon = pytest.mark.parametrize(
    ("writer", "style"),
    [
        pytest.param(writer, style, id=f"{name}-{style}")
        for name, writer in WRITERS.items()
        for style, order in writer.orders.items()
        if order.names_wagon
    ],
)


def _letters(text: str, *, small: bool = False) -> str:
    """The wagons named, sorted: letters A to F that are no part of a longer word (`BCEF` is four wagons)."""
    pattern = r"(?<![a-z])[a-f](?![a-z])" if small else r"(?<![A-Za-z])[A-F]+(?![A-Za-z])"
    return "".join(sorted("".join(re.findall(pattern, text)).upper()))


def _others(yard: Yard) -> list[Yard]:
    """States that are easily taken for this one: a move away, a track turned round, two tracks swapped."""
    tracks = yard.tracks
    others = [yard.after(move) for move in MOVES if yard.forbids(move) is None]
    for i in range(TRACKS):
        others.append(Yard((*tracks[:i], tracks[i][::-1], *tracks[i + 1 :])))
        for j in range(i):
            swapped = list(tracks)
            swapped[i], swapped[j] = tracks[j], tracks[i]
            others.append(Yard(tuple(swapped)))
    return [other for other in others if other != yard]


@pytest.mark.parametrize(
    ("writer", "states", "orders", "joins", "questions"),
    [(FIRST, 30, 15, 8, 12), (SECOND, 22, 12, 8, 8), (THIRD, 20, 12, 8, 8), (FOURTH, 20, 12, 8, 8)],
)
def test_there_are_as_many_styles_as_an_evaluation_needs(
    writer: Writer, states: int, orders: int, joins: int, questions: int
) -> None:
    assert len(writer.states) >= states
    assert len(writer.orders) >= orders
    assert len(writer.joins) >= joins
    assert all(len(writer.questions[kind]) >= questions for kind in KINDS)
    assert len(set(writer.styles)) == len(writer.styles)


@each_writer
def test_a_writers_lowercase_states_exist_and_no_initial_of_a_track_is_a_wagon(name: str) -> None:
    writer = WRITERS[name]
    assert writer.lowercase <= writer.states.keys()
    assert not {word[0].upper() for word in writer.track_words} & set(WAGONS)


@each_state
def test_a_state_style_names_every_wagon_exactly_once(writer: Writer, style: str) -> None:
    for number, yard in enumerate(YARDS):
        assert _letters(writer.states[style](yard, Random(number)), small=style in writer.lowercase) == yard.wagons


@each_state
def test_a_state_style_tells_a_yard_from_those_like_it(writer: Writer, style: str) -> None:
    """Whatever the random choices: no text of another yard is among twenty texts of this one."""
    for yard in YARDS[:40]:
        own = {writer.states[style](yard, Random(seed)) for seed in range(20)}
        assert not any(writer.states[style](other, Random(seed)) in own for other in _others(yard) for seed in range(3))


@each_state
def test_a_state_style_says_the_same_for_the_same_seed(writer: Writer, style: str) -> None:
    assert all(writer.states[style](yard, Random(3)) == writer.states[style](yard, Random(3)) for yard in YARDS)


@each_state
def test_other_words_for_track_and_wagon_leave_the_wagons_as_they_are(writer: Writer, style: str) -> None:
    for number, yard in enumerate(YARDS):
        text = in_words_of(writer.states[style](yard, Random(number)), "siding", "car", writer)
        assert _letters(text, small=style in writer.lowercase) == yard.wagons
        assert not re.search(r"\b(track|wagon)s?\b", text, re.IGNORECASE)


@each_order
def test_a_move_style_tells_each_move_from_every_other(writer: Writer, style: str) -> None:
    """From a yard in which four wagons can leave, so that a style by wagon says the source as well."""
    yard = Yard(("AD", "B", "CE", "F"))
    told = {writer.orders[style].say(move, yard, Random(0)) for move in MOVES}
    assert len(told) == len(MOVES)


@each_order_by_wagon
def test_a_move_style_by_wagon_names_the_one_that_leaves(writer: Writer, style: str) -> None:
    for yard in YARDS:
        for move in (move for move in MOVES if yard.tracks[move.source]):
            assert _letters(writer.orders[style].say(move, yard, Random(0))) == yard.tracks[move.source][-1]


@each_writer
def test_samples_are_the_same_for_a_seed_and_others_for_another(name: str) -> None:
    writer = WRITERS[name]
    assert samples(60, seed=5, writer=writer) == samples(60, seed=5, writer=writer)
    assert samples(60, seed=5, writer=writer) != samples(60, seed=6, writer=writer)


@each_writer
def test_samples_show_every_style(name: str) -> None:
    drawn = Counter(style for talk in TALKS[name] for style in talk.styles)
    assert drawn.keys() == set(WRITERS[name].styles)


@each_writer
def test_samples_ask_what_they_say_they_ask(name: str) -> None:
    for talk in TALKS[name]:
        assert talk.yard.fault() is None
        if talk.kind == "plan":
            assert talk.goal is not None and talk.goal.wagons == talk.yard.wagons and talk.goal != talk.yard
            assert talk.goal.fault() is None and talk.moves == ()
        elif talk.kind == "after":
            state = talk.yard
            for move in talk.moves:
                state = state.after(move)
            assert talk.goal is None and 1 <= len(talk.moves) <= 5
        else:
            assert talk.goal is None and len(talk.moves) == 1


@each_writer
def test_moves_to_judge_are_allowed_about_as_often_as_not(name: str) -> None:
    verdicts = Counter(talk.yard.forbids(talk.moves[0]) for talk in TALKS[name] if talk.kind == "safe")
    total = verdicts.total()
    assert 0.4 < verdicts[None] / total < 0.6
    assert min(verdicts["empty"], verdicts["full"]) / total > 0.15


@each_writer
def test_no_message_shows_how_it_was_put_together(name: str) -> None:
    for talk in TALKS[name]:
        assert not re.search(r"\{\w*\}", talk.text), talk.text
        assert not re.search(r"\.\.|,,| \n|\n\n\n|\A\s|\s\Z|[.;:] *[.;]", talk.text), talk.text


@each_writer
def test_a_request_is_the_text_of_its_composition(name: str) -> None:
    writer = WRITERS[name]
    yard = Yard(("AD", "", "BCEF", ""))
    for kind, asked in (("after", [Move(0, 1)]), ("safe", [Move(1, 2)]), ("plan", Yard(("A", "D", "BCEF", "")))):
        assert request(kind, yard, asked, Random(4), writer) == compose(kind, yard, asked, Random(4), writer)[1]


@each_writer
def test_a_move_from_an_empty_track_is_told_without_a_wagon(name: str) -> None:
    writer = WRITERS[name]
    yard = Yard(("A", "", "B", ""))
    for seed in range(100):
        styles, _ = compose("safe", yard, [Move(1, 3)], Random(seed), writer)
        assert not any(f"move:{style}" in styles for style, order in writer.orders.items() if order.names_wagon)


@pytest.mark.parametrize(
    ("kind", "moves"), [("safe", []), ("safe", [Move(0, 1), Move(0, 1)]), ("after", []), ("who", [Move(0, 1)])]
)
def test_a_question_that_nobody_asks_is_refused(kind: str, moves: list[Move]) -> None:
    with pytest.raises(ValueError, match=r"asks of|a question is one of"):
        compose(kind, Yard(("AB", "", "", "")), moves, Random(0))


def test_the_unreadable_messages_differ_and_say_what_is_wrong() -> None:
    assert len(BAD) >= 25
    assert len({text for text, _ in BAD}) == len(BAD)
    assert all(text and what for text, what in BAD)
