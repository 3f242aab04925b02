"""Which wagons a user's words put on one track, and in which order.

A plain list runs from the buffer stop to the switch. Words of order (`from the switch`, `behind it`, `F leaves first`)
are read as constraints on who stands where: the list or its reverse is taken, whichever fits them, else the one order
that does. Where more than one order fits, or none, the words are unclear and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from router.world.yard.bearings import LEAVES, SIDES, Item, Side, items_of
from router.world.yard.state import CAPACITY, WAGONS
from router.world.yard.words import WAGON_NOUNS, words

__all__ = [
    "BLANK", "EMPTINESS", "Unclear", "is_emptiness", "side_first", "standing",
    "tells_order", "unknown_wagon",
]  # fmt: skip

Constraint = Callable[[Sequence[str]], bool]


MOST_WORDS = 200
"""Of one track's clause; who stands where takes time with the square of it."""


class Unclear(ValueError):
    """The message is a sentence that says what could not be read and how to say it."""


EMPTINESS = words(
    "empty nothing no none vacant clear bare without zero unused unoccupied free 0 leer frei nichts kein keine keinen "
    "nil zilch nada naught nought blank void deserted vacated emptied idle null ohne nobody"
)
EXCEPT = words(
    "but except else other otherwise apart save besides only more others further behind gap gaps au\u00dfer sonst nur"
)
NOT = words("not never isn't aren't nicht doesn't don't")
BLANK = frozenset("-_.:|=[](){}~+/\\,;*#><")
DOUBTS = words("or maybe perhaps probably possibly either unknown somewhere oder vielleicht unsure random")


def standing(tokens: Sequence[str]) -> str:
    """The wagons of one track's clause from the buffer stop to the switch; "" for an empty track.

    `tokens` are those of `with_wagons`. Raises Unclear.
    """
    if len(tokens) > MOST_WORDS:
        raise Unclear(f"More is said of one track than I read, in {_quoted(tokens)}. {HINT}")
    if (stranger := unknown_wagon(tokens)) is not None:
        raise Unclear(f"There is no wagon {stranger} here: the wagons are {', '.join(WAGONS[:-1])} and {WAGONS[-1]}.")
    named = [token for token in tokens if token in WAGONS and len(token) == 1]
    if not named:
        if is_emptiness(tokens):
            return ""
        raise Unclear(f"I cannot read which wagons stand in {_quoted(tokens)}. {HINT}")
    _certain(tokens)
    clause = _Clause.of(tokens)
    order = "".join(dict.fromkeys(named))
    if (twice := clause.twice()) is not None:
        raise Unclear(f"Wagon {twice} cannot stand in two places at once.")
    if len(order) > CAPACITY:
        raise Unclear(f"A track holds at most {CAPACITY} wagons, not {len(order)} as in {_quoted(tokens)}.")
    return _fitting(order, clause, tokens)


HINT = "Say it like this: Track 1: A C F, from the buffer stop to the switch."


def is_emptiness(tokens: Sequence[str]) -> bool:
    """Whether a clause without wagons says that nothing stands there, if only by being blank."""
    if any(token in NOT and tokens[at + 1 : at + 2] == ["empty"] for at, token in enumerate(tokens)):
        return False
    if any(token in EMPTINESS for token in tokens) or set(tokens) <= BLANK:
        return True
    if ":" in tokens and set(tokens) <= BLANK | WAGON_NOUNS:
        return True
    if {item.value for item in items_of(tokens) if item.kind == "side"} == {"buffer", "switch"}:
        return set(tokens) <= BLANK | SIDES.keys() | words("from to stop end the")
    return any(token in NOT and set(tokens[at:]) & words("occupied used taken") for at, token in enumerate(tokens))


def tells_order(tokens: Sequence[str]) -> bool:
    """Whether a clause of two wagons or more says their order by more than naming them one after the other."""
    clause = _Clause.of(tokens)
    return len({wagon for _, wagon in clause.mentions}) > 1 and clause.has_order


def side_first(tokens: Sequence[str]) -> Side | None:
    """The side that words without wagons say lists begin at: `from the switch`, `the last is nearest the switch`."""
    if "first" in tokens and LEAVES.intersection(tokens):
        return "switch"
    items = items_of(tokens)
    for at, item in enumerate(items):
        if item.kind == "side":
            ordinals = {each.value for each in items if each.kind == "ordinal"}
            kinds = [each.kind for each in items[at + 1 : at + 3]]
            if kinds == ["towards", "side"] and items[at + 2].value != item.value:
                return "buffer" if item.value == "buffer" else "switch"
            starts = at > 0 and items[at - 1].kind == "start"
            lateral = next(
                (
                    each.value
                    for each in (items[at + 1 : at + 2] or items[max(0, at - 1) : at])
                    if each.kind == "lateral"
                ),
                "",
            )
            if lateral in ("left", "right", "links", "rechts") and not starts:
                return "buffer" if (item.value == "buffer") == (lateral in ("left", "links")) else "switch"
            if starts or ordinals & {"0", "-1"}:
                begins = (item.value == "buffer") == (starts or "0" in ordinals)
                return "buffer" if begins else "switch"
    return None


def unknown_wagon(tokens: Iterable[str]) -> str | None:
    """A single capital letter that names no wagon."""
    return next((t for t in tokens if len(t) == 1 and t.isalpha() and t not in WAGONS and t.isupper()), None)


def _certain(tokens: Sequence[str]) -> None:
    doubted = next((token for token in tokens if token in DOUBTS), None)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token in NOT and following not in EMPTINESS:
            doubted = token
    negated = {at + 1 for at, token in enumerate(tokens) if token in NOT}
    empty = next((t for at, t in enumerate(tokens) if t in EMPTINESS and t != "free" and at not in negated), None)
    if empty is not None and not EXCEPT.intersection(tokens):
        doubted = empty
    if doubted is not None:
        raise Unclear(f"I cannot read for certain what stands in {_quoted(tokens)}. {HINT}")


def _quoted(tokens: Sequence[str]) -> str:
    said = " ".join(tokens[:16]).replace(" ,", ",").replace(" :", ":").strip(" :,\n")
    return f'"{said}"' if said else "what is said of it"


def _fitting(order: str, clause: _Clause, tokens: Sequence[str]) -> str:
    if len(order) == 1:
        return order
    if clause.unplaced:
        raise Unclear(f"I cannot tell the buffer stop's side from the switch's in {_quoted(tokens)}. {HINT}")
    found: list[str] = []
    for reading in ("listed", "spatial") if clause.has_before else ("listed",):
        constraints = clause.constraints(order, reading)
        fitting = ["".join(p) for p in permutations(order) if all(fits(p) for fits in constraints)]
        preferred = [each for each in (order, order[::-1]) if each in fitting]
        found += preferred[:1] or fitting
    if len(set(found)) != 1:
        raise Unclear(f"I cannot tell in which order the wagons stand in {_quoted(tokens)}. {HINT}")
    return found[0]


@dataclass(slots=True)
class _Clause:
    """A clause as the items that matter to order, and what each of them binds."""

    items: list[Item]
    mentions: list[tuple[int, str]] = field(default_factory=list)
    bound: set[int] = field(default_factory=set)
    """Mentions (places in `items`) that a word of order speaks of."""
    anchors: list[tuple[str, int]] = field(default_factory=list)
    """A wagon, or `first` or `last` of the list, and its place from the buffer stop, negative from the switch."""
    relations: list[tuple[str, str, str]] = field(default_factory=list)
    middles: list[str] = field(default_factory=list)
    unplaced: bool = False

    @classmethod
    def of(cls, tokens: Sequence[str]) -> _Clause:
        clause = cls(items_of(tokens))
        clause.mentions = [(at, item.value) for at, item in enumerate(clause.items) if item.kind == "wagon"]
        for at, item in enumerate(clause.items):
            clause._bind(at, item)
        return clause

    def twice(self) -> str | None:
        """A wagon that is named again where no word of order is the reason."""
        seen: set[str] = set()
        for place, wagon in self.mentions:
            if wagon in seen and place not in self.bound:
                return wagon
            seen.add(wagon)
        return None

    @property
    def has_before(self) -> bool:
        return any(relation in ("before", "after") for _, relation, _ in self.relations)

    @property
    def has_order(self) -> bool:
        return bool(self.anchors or self.relations or self.middles or self.unplaced)

    def constraints(self, order: str, reading: str) -> list[Constraint]:
        """What an order, given as letters from the buffer stop on, has to fulfil."""
        ends = {"first": order[0], "last": order[-1]}
        made: list[Constraint] = []
        for wagon, place in self.anchors:
            made.append(_at(ends.get(wagon, wagon), place))
        for one, relation, other in self.relations:
            deeper = relation == "behind" or ((relation == "before") == (reading == "listed") and relation != "ahead")
            made.append(_deeper(one, other) if deeper else _deeper(other, one))
        made.extend(_inside(wagon) for wagon in self.middles)
        return made

    def _bind(self, at: int, item: Item) -> None:
        match item.kind:
            case "side":
                self._bind_side(at, item.value)
            case "relation":
                self._bind_relation(at, item.value)
            case "ordinal":
                self._bind_ordinal(at, int(item.value))
            case "middle":
                self._bind_middle(at)
            case "doubt":
                self.unplaced = True
            case "lateral":
                self.unplaced = self.unplaced or not (self._is(at - 1, "side") or self._is(at + 1, "side"))

    def _bind_side(self, at: int, side: str) -> None:
        place = 0 if side == "buffer" else -1
        if self._is(at + 1, "ordinal") and self._in_piece(at, -1) is None:
            self.anchors.append(("first" if self.items[at + 1].value == "0" else "last", place))
        elif self._is(at + 1, "lateral") or self._is(at - 1, "lateral"):
            beside = self.items[at + 1] if self._is(at + 1, "lateral") else self.items[at - 1]
            self.anchors.append(("first" if beside.value in ("left", "leftmost", "links") else "last", place))
        elif self._is(at - 1, "start"):
            if not self._is(at - 2, "ordinal"):
                self.anchors.append(("first", place))
        elif self._is(at - 1, "towards") and self._in_piece(at, -1) is None:
            self.anchors.append(("last", place))
        else:
            self._anchor(at, place)

    def _anchor(self, at: int, place: int) -> None:
        mention = _some(self._in_piece(at, -1), self._next(at, 1), self._next(at, -1))
        if self._is(at - 1, "break") and self._is(at + 1, "break") and self._is(at - 2, "ordinal"):
            mention = self._next(at, -1)
        if (
            self._is(at - 1, "break")
            and self.items[at - 1].value == "("
            and self._is(at - 2, "wagon")
            and self._in_piece(at, 1) is None
        ):
            mention = at - 2
        if mention is not None:
            self.bound.add(mention)
            self.anchors.append((self.items[mention].value, place))

    def _bind_ordinal(self, at: int, place: int) -> None:
        if self._is(at - 1, "side"):
            return
        if self._is(at + 1, "start") and self._is(at + 2, "side"):
            place = place if self.items[at + 2].value == "buffer" else -1 - place
        elif self._side_in_piece(at):
            return
        self._anchor(at, place)

    def _bind_relation(self, at: int, relation: str) -> None:
        before, after = self._in_piece(at, -1), self._in_piece(at, 1)
        named = self._is(at + 1, "wagon")
        if named:
            subject = _some(before, self._in_piece(at + 1, 1), self._next(at, -1))
            other: int | None = at + 1
        elif after is not None:
            subject, other = after, self._next(at, -1)
        else:
            subject = _some(before, self._next(at, 1))
            other = self._next(_some(before, at) or 0, -1)
        if subject is None or other is None or self.items[subject].value == self.items[other].value:
            self.unplaced = self.unplaced or relation in ("behind", "ahead")
            return
        self.bound |= {subject, other}
        self.relations.append((self.items[subject].value, relation, self.items[other].value))

    def _bind_middle(self, at: int) -> None:
        mention = _some(self._in_piece(at, -1), self._next(at, 1))
        if len({wagon for _, wagon in self.mentions}) > 2 and mention is not None:
            self.bound.add(mention)
            self.middles.append(self.items[mention].value)
            if self.items[at].value == "between":
                self.bound.update(place for place, _ in self.mentions if at < place < at + 4)

    def _is(self, at: int, kind: str) -> bool:
        return 0 <= at < len(self.items) and self.items[at].kind == kind

    def _next(self, at: int, step: int) -> int | None:
        while 0 <= (at := at + step) < len(self.items):
            if self.items[at].kind == "wagon":
                return at
        return None

    def _in_piece(self, at: int, step: int) -> int | None:
        while 0 <= (at := at + step) < len(self.items) and self.items[at].kind != "break":
            if self.items[at].kind == "wagon":
                return at
        return None

    def _side_in_piece(self, at: int) -> bool:
        for step in (-1, 1):
            place = at
            while 0 <= (place := place + step) < len(self.items) and self.items[place].kind != "break":
                if self.items[place].kind == "side":
                    return True
        return False


def _some(*places: int | None) -> int | None:
    return next((place for place in places if place is not None), None)


def _at(wagon: str, place: int) -> Constraint:
    return lambda order: -len(order) <= place < len(order) and order[place] == wagon


def _deeper(one: str, other: str) -> Constraint:
    return lambda order: order.index(one) < order.index(other)


def _inside(wagon: str) -> Constraint:
    return lambda order: 0 < order.index(wagon) < len(order) - 1
