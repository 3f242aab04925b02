"""What a user's turn says of the yard: its state, the moves, the goal, what is asked. Without a model, and certain.

Where words can be read in two ways, or a wagon or a track in them finds no place, the reading is a fault: one sentence
that says what is wrong and how to say it. Time grows with the length of the text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from router.world.yard.clauses import HINT, Statement, taken_apart
from router.world.yard.labels import with_arrows
from router.world.yard.moves import Named, Said, moves_of
from router.world.yard.notation import written_out
from router.world.yard.order import Unclear, standing, tells_order
from router.world.yard.phrasing import CLAUSE_TOKENS, canonical
from router.world.yard.sections import Question, Section, asks_plan, asks_safe, asks_steps
from router.world.yard.state import TRACKS, WAGONS, Yard
from router.world.yard.words import clause, tokens_of, with_wagons

__all__ = ["LONGEST", "Named", "Reading", "State", "read", "read_conversation"]

LONGEST = 20_000
"""Characters of the longest text that is read."""
EARLIER = 64
"""Messages before the last in which a state is looked for."""
TRACK_SAID = r"(?:empty|[A-F](?: [A-F]){0,5})"
SPOKEN = re.compile(" ".join(rf"Track {number}: {TRACK_SAID}\." for number in range(1, TRACKS + 1)))
EXAMPLE = "like this:"
"""Stands before the example in a sentence that asks for other words: no state of anybody's yard."""

GOALWARD: dict[Section, int] = {"goal": 2, "want": 1, "": 0, "see": 0, "start": -1}
"""Of two states the one whose words lead further is the goal, and the later one where they lead equally far."""


@dataclass(frozen=True, slots=True)
class State:
    """A yard, and the user's own words for each of its tracks as the encoder gets them."""

    yard: Yard
    clauses: tuple[str, ...]

    @classmethod
    def plain(cls, yard: Yard) -> State:
        """In the words that the yard has for itself."""
        return cls(yard, tuple(map(canonical, yard.tracks)))


@dataclass(frozen=True, slots=True)
class Reading:
    """A turn as read. With a `fault` nothing else holds; without one there is a state `start`."""

    start: State | None = None
    moves: tuple[Said, ...] = ()
    goal: State | None = None
    observed: State | None = None
    question: Question = "show"
    steps: bool = False
    """Every state on the way is asked for."""
    fault: str | None = None

    @property
    def yard(self) -> Yard | None:
        return None if self.start is None else self.start.yard

    @property
    def clauses(self) -> tuple[str, ...]:
        """The words for each track; none without a state."""
        return () if self.start is None else self.start.clauses


def read(text: str) -> Reading:
    """One message by itself. Never raises."""
    return read_conversation([text])


def read_conversation(messages: Sequence[str]) -> Reading:
    """The last message, and for one without a state the state that was last told or spoken before it. Never raises."""
    try:
        told = _told(messages[-1] if messages else "")
        if told.start is None:
            told = _Told(_earlier(messages[:-1]), told.goal, told.observed, told.moves, told.question, told.steps)
        return _checked(told)
    except Unclear as unclear:
        return Reading(fault=str(unclear))


@dataclass(frozen=True, slots=True)
class _Told:
    start: State | None
    goal: State | None
    observed: State | None
    moves: tuple[Said, ...]
    question: Question
    steps: bool


def _told(text: str) -> _Told:
    if len(text) > LONGEST:
        raise Unclear(f"The message has {len(text)} characters; a yard and its moves are said in far fewer. {HINT}")
    tokens = with_wagons(with_arrows(tokens_of(written_out(text))))
    apart = taken_apart(tokens)
    moves = moves_of(apart.parts)
    runs = _runs([each for each in apart.statements if not (each.asks and each.blank)])
    plan = asks_plan(tokens, bool(moves))
    sections = _assigned(runs, plan, bool(moves))
    states = {name: _state(run) for name, run in sections.items()}
    goal = states.get("goal")
    if plan and moves and goal is None:
        raise Unclear(f"Say of the goal where every wagon is to stand in the end. {HINT}")
    question: Question = "after" if moves else "show"
    if goal is not None or (plan and not moves):
        question = "plan"
    elif asks_safe(tokens) and moves:
        question = "safe"
    return _Told(states.get("start"), goal, states.get("observed"), moves, question, asks_steps(tokens))


def _runs(statements: Sequence[Statement]) -> list[list[Statement]]:
    """The statements of one state each.

    A new one begins with its section, where a track is named once more, and under a heading that tells again of
    tracks or wagons that have been told of.
    """
    runs: list[list[Statement]] = []
    seen: set[int] = set()
    for group in _groups(statements):
        anew = bool(runs) and _tells_again(runs[-1], group)
        for at, statement in enumerate(group):
            again = seen.intersection(statement.tracks)
            if not runs or statement.fresh or (anew and not at) or (again and not statement.trailing):
                runs.append([])
                seen = set()
            runs[-1].append(statement)
            seen |= set(statement.tracks)
    return runs


def _groups(statements: Sequence[Statement]) -> list[list[Statement]]:
    """The statements under one heading each."""
    groups: list[list[Statement]] = []
    for statement in statements:
        if statement.headed or not groups:
            groups.append([])
        groups[-1].append(statement)
    return groups


def _tells_again(told: Sequence[Statement], group: Sequence[Statement]) -> bool:
    tracks = {number for statement in told for number in statement.tracks}
    wagons = {wagon for statement in told for wagon in statement.wagons}
    return group[0].headed and any(
        tracks.intersection(statement.tracks) or wagons & statement.wagons for statement in group
    )


def _assigned(runs: Sequence[list[Statement]], plan: bool, moves: bool) -> dict[str, list[Statement]]:
    """Which run is the start, which the goal and which was observed. Raises Unclear where two claim one place."""
    claims = [run[0].section if run[0].fresh or run is runs[0] else "" for run in runs]
    if len(runs) == 2 and not moves and _are_ends(runs, claims, plan):
        goal = GOALWARD[claims[1]] >= GOALWARD[claims[0]]
        return {"start": runs[not goal], "goal": runs[goal]}
    places: dict[str, list[Statement]] = {}
    for run, claim in zip(runs, claims, strict=True):
        name = claim if claim in ("goal", "observed") else "start"
        if claim == "want" and plan and not moves:
            name = "goal"
        elif claim == "see" and run is not runs[0]:
            name = "observed"
        if name in places:
            number = next(iter(run[0].tracks))
            raise Unclear(f"Track {number} is told twice; say once what stands on it. {HINT}")
        places[name] = run
    return places


def _are_ends(runs: Sequence[list[Statement]], claims: Sequence[Section], plan: bool) -> bool:
    """Whether two states are a start and a goal: that is asked, said, or what their headings leave."""
    if "observed" in claims or ("see" in claims and not plan):
        return False
    said = "goal" in claims or "want" in claims
    return plan or said or (runs[1][0].headed and (runs[0][0].headed or claims[1] != "start"))


def _state(run: Sequence[Statement]) -> State:
    own: dict[int, list[str]] = {}
    backwards: set[int] = set()
    tracks = [""] * TRACKS
    for statement in run:
        for number in statement.tracks:
            if not 1 <= number <= TRACKS:
                raise Unclear(f"There is no track {number} here: the tracks are 1 to {TRACKS}.")
            if len(statement.tracks) > 1 and statement.wagons:
                numbers = " and ".join(map(str, statement.tracks))
                raise Unclear(f"I cannot tell which wagons stand on which of the tracks {numbers}. {HINT}")
            if number in own and not tells_order([*own[number], ",", *statement.words]):
                raise Unclear(f"Track {number} is told twice; say once what stands on it. {HINT}")
            own[number] = [*own[number], ",", *statement.words] if number in own else _words(statement, number)
            backwards |= {number} if statement.first == "switch" else set()
    for number, said in own.items():
        if number in backwards and not tells_order(said) and any(token in WAGONS for token in said):
            own[number] = ["from", "the", "switch", ":", *said]
        tracks[number - 1] = standing(own[number])
    yard = Yard(tuple(tracks))
    if (fault := yard.fault()) is not None:
        raise Unclear(fault)
    if not yard.wagons:
        raise Unclear(f"No wagon stands in this yard. {HINT}")
    clauses = [clause(own[number]) if number in own else "empty" for number in range(1, TRACKS + 1)]
    return State(yard, tuple(_short(words, wagons) for words, wagons in zip(clauses, tracks, strict=True)))


def _words(statement: Statement, number: int) -> list[str]:
    """The statement without the track's name at its beginning."""
    if statement.blank and not statement.marked:
        raise Unclear(f"I cannot read what stands on track {number}. {HINT}")
    said = statement.words
    at = said.index("track")
    lead = {"on", "in", "at", "the", "auf", "and", "while", "then", "und", "-", "*", "is", "der", "dem", "where", "if"}
    return said[at + 1 :] if set(said[:at]) <= lead else list(said)


def _short(said: str, wagons: str) -> str:
    return said if len(said.split()) <= CLAUSE_TOKENS else canonical(wagons)


def _checked(told: _Told) -> Reading:
    """Raises Unclear where the parts of a turn do not fit together."""
    if told.start is None:
        raise Unclear(f"I see no yard in this. {HINT}")
    here = told.start.yard
    for name, other in (("goal", told.goal), ("observed state", told.observed)):
        if other is not None and other.yard.wagons != here.wagons:
            has, start = ", ".join(other.yard.wagons), ", ".join(here.wagons)
            raise Unclear(f"The {name} has the wagons {has}, but the yard has {start}; both need the same ones.")
    if told.question == "plan" and told.goal is None:
        raise Unclear(f"I see no goal in this; say where every wagon is to stand in the end. {HINT}")
    if told.question == "plan" and told.moves:
        raise Unclear("I see moves and a goal; ask what the moves do, or which moves reach the goal.")
    for move in told.moves:
        if isinstance(move, Named) and move.wagon not in here.wagons:
            raise Unclear(f"There is no wagon {move.wagon} in this yard, which has {', '.join(here.wagons)}.")
    return Reading(told.start, told.moves, told.goal, told.observed, told.question, told.steps)


def _earlier(messages: Sequence[str]) -> State | None:
    """The state that the newest message with one ends on."""
    for message in reversed(messages[-EARLIER:]):
        if len(message) > LONGEST or EXAMPLE in message:
            continue
        spoken = SPOKEN.findall(message)
        try:
            told = _told(message)
        except Unclear:
            told = None
        if spoken and (told is None or told.goal is None):
            return State.plain(Yard.read(spoken[-1]))
        if told is not None and told.start is not None:
            return told.start
    return None
