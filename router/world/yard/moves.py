"""Moves in users' words: `from track 1 to track 3`, `1 -> 3`, `move F to 2`, `take the last wagon of track 1 …`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from router.world.yard.labels import ON, Label, number_of
from router.world.yard.order import EMPTINESS, Unclear
from router.world.yard.state import TRACKS, WAGONS, Move, Yard
from router.world.yard.words import ORDINALS, WAGON_NOUNS, words

__all__ = ["IMPERATIVES", "VERBS", "Named", "Part", "Said", "moves_of", "part_of"]

VERBS = words(
    "move moves moving moved shunt shunts shunting shunted push pushes pushing pushed send sends sending sent bring "
    "brings bringing brought take takes taking taken put puts putting shift shifts shifting shifted transfer transfers "
    "transferring transferred roll rolls rolling rolled pull pulls pulling pulled drive drives slide slides haul hauls "
    "drag drags relocate relocates relocating shove shoves shoving place placing park parking get getting "
    "drop set sets setting bewege bewegt schiebe schieben stelle rangiere fahre bring bringe setze throw shuffle "
    "remove removing pick picking run running uncouple grab grabs grabbing lift lifts collect deliver fetch fetches "
    "fetching fetched add adds adding added let leave deposit deposits couple attach hand guide conduct tow tows "
    "towing towed pass lead spot spots spotting transport carry reposition assign return drops dropped stick sticks "
    "sticking stuck pop pops popping popped swing hop toss nudge tuck dump stow yank draw tug propel"
)
IMPERATIVES = words(
    "move shunt push send bring take put shift transfer pull place haul drag relocate shove bewege schiebe rangiere"
)
"""Verbs that begin an order by themselves."""
FROM = words("from off of out von aus vom")
TO = words("to onto into toward towards nach zu zum via through >")
AWAY = words("for auf")
ALONGSIDE = (["nearest"], ["closest"], ["next"], ["close"], ["nearer"], ["closer"], ["adjacent"])
LEAVING = words("leaves leave leaving left heads heading bound darf kann f\u00e4hrt kommt geht soll")
"""Verbs after which `for track 3`, or `auf Gleis 3`, says where a wagon goes."""
MEETING = words("meet encounter find pass see hit reach")
FINDERS = words("you one we i")
STATING = frozenset(":=[(|{")
ASIDE = words("at is are will does do after once")
ARTICLES = words("the das dem den number of")
PUTTING = words("put puts placing park parking set sets drop drops leave deposit deposits")
"""Verbs after which `the wagon on track 4` says where it goes and not where it stands."""
UNSURE_VERBS = words("leave let pass lead sort carry hand")
"""Only where what they move follows: `leave it on track 3`, but `A can leave`."""
BEFORE_NUMBER = FROM | TO | ON | AWAY | ARTICLES | frozenset(":.#(")
"""After any other word, as in `into picture 2`, a number counts something else than tracks."""
PRONOUNS = words("it him them that same es ihn these those")
BACK = words("back zur\u00fcck")
ONLY_BACK = words("and then again right straight it move moves goes to und wieder send bring put")
ALL = words("all everything every both alle alles")
SWAPS = words("swap swaps swapped swapping exchange exchanging undo tausche vertausche")
NOT_LAST = words("rear back deepest buffer innermost bottom")
NEVER_SOURCE = frozenset(["receives", "gets", "get", "receive"])


class Named(NamedTuple):
    """A wagon goes to a track; where it stands when its turn comes, and whether it can leave, is seen then."""

    wagon: str
    target: int
    source: int | None = None

    def __str__(self) -> str:
        return f"wagon {self.wagon} to track {self.target + 1}"

    def resolved(self, yard: Yard) -> Move | str:
        """The move in a yard, or the sentence that says why there is none."""
        at = yard.where(self.wagon)
        if at is None:
            return f"there is no wagon {self.wagon} in this yard"
        if self.source not in (None, at):
            return f"wagon {self.wagon} stands on track {at + 1}, not on track {(self.source or 0) + 1}"
        if at == self.target:
            return f"wagon {self.wagon} is on track {at + 1} already"
        if (last := yard.tracks[at][-1]) != self.wagon:
            return f"wagon {self.wagon} cannot leave track {at + 1}, as wagon {last} stands nearer the switch"
        return Move(at, self.target)


Said = Move | Named
MOST_WORDS = 40
"""After a doubtful word that are looked at."""
MOST_MOVES = 64
"""Of one turn."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a sentence says of a move; tracks count from 1. One without a target waits for the next."""

    wagons: tuple[str, ...] = ()
    source: int | None = None
    targets: tuple[int, ...] = ()
    count: int = 1
    back: bool = False

    def joined(self, later: Part) -> Part:
        """This part and the one that goes on with it: `take F from track 1` and `put it on track 3`. Raises Unclear."""
        if None not in (self.source, later.source) and self.source != later.source:
            raise Unclear(f"I cannot tell whether a wagon goes from track {self.source} or {later.source}. {HINT}")
        return replace(
            later,
            wagons=self.wagons + later.wagons,
            source=self.source if later.source is None else later.source,
            count=max(self.count, later.count),
        )


def part_of(
    tokens: Sequence[str], start: int, end: int, labels: Iterable[Label], waiting: bool, listing: bool = False
) -> Part | None:
    """What the tokens from `start` to `end` say of a move; None when they speak of none. Raises Unclear.

    `waiting`: an earlier part has named a wagon or a source and no target yet.
    `listing`: the sentence has told moves already.
    """
    places = list(_places(tokens, start, end, labels))
    if (start := _after_heading(tokens, start, end)) == end:
        return None
    if any(_is_stated(tokens, label.end) for label, _ in places) or _is_met(tokens, start, end):
        return None
    verb = any(_is_verb(tokens, at) for at in range(start, end)) or _is_taken(tokens, start, end)
    if SWAPS.intersection(tokens[start:end]):
        raise Unclear(f"A move takes one wagon from one track to another. {HINT}")
    if not _is_move(tokens, start, end, places, verb, waiting or listing):
        return None
    _movable(tokens, start, end)
    for label, _ in places:
        _known(label)
    source, targets = _sorted(tokens[start:end], places)
    taken = {at for label, _ in places for at in range(label.start, label.end)}
    wagons = [token for at, token in enumerate(tokens[start:end], start) if _is_wagon(token) and at not in taken]
    if not waiting and not wagons and source is None and _only_picks(tokens[start:end], places):
        source, targets = targets[0], ()
    back = not places and any(token in BACK for token in tokens[start:end])
    if source is not None and source in targets[:1]:
        raise Unclear(f"A wagon cannot go from track {source} to track {source}; name two tracks.")
    return Part(tuple(dict.fromkeys(wagons)), source, targets, _count(tokens, start, end), back)


def _after_heading(tokens: Sequence[str], start: int, end: int) -> int:
    """Where an order begins that words like `answer yes or no:` stand before."""
    for at in range(end - 1, start, -1):
        if tokens[at] == ":" and tokens[at - 1] not in TO | FROM:
            named = any(_is_wagon(token) or token == "track" or token.isdecimal() for token in tokens[start:at])
            return start if named else at + 1
    return start


def _is_met(tokens: Sequence[str], start: int, end: int) -> bool:
    """Whether wagons are met on the way into a track, as in `going into track 1 you meet F`: nothing moves then."""
    return any(tokens[at] in MEETING and tokens[at - 1] in FINDERS for at in range(start + 1, end))


def _is_stated(tokens: Sequence[str], at: int) -> bool:
    """Whether wagons follow a colon or a bracket: then a track is described, and nothing goes there."""
    begin = at
    while at < len(tokens) and tokens[at] in STATING:
        at += 1
    closed = at < len(tokens) and tokens[at] == "]" and tokens[at - 1] == "["
    return at > begin and at < len(tokens) and (closed or _is_wagon(tokens[at]) or tokens[at] in EMPTINESS)


def _is_verb(tokens: Sequence[str], at: int) -> bool:
    """`moves` is one only where a wagon does it: `which moves` and `these moves` are none."""
    following = tokens[at + 1 : at + 2]
    if tokens[at] in UNSURE_VERBS:
        return (
            at > 0
            and bool(following)
            and (following[0] in PRONOUNS or following[0] in ("the", "one") or _is_wagon(following[0]))
        )
    if tokens[at] != "moves":
        return tokens[at] in VERBS
    return at > 0 and (_is_wagon(tokens[at - 1]) or tokens[at - 1] in WAGON_NOUNS or tokens[at - 1] == "it")


def _is_taken(tokens: Sequence[str], start: int, end: int) -> bool:
    """Whether whatever is done to a wagon, it is put somewhere afterwards: `grab D` and `put it on track 2`."""
    follows = end + 1 if tokens[end : end + 1] in ([","], ["and"]) else end
    follows += tokens[follows : follows + 1] in (["and"], ["then"])
    puts = follows + 1 < len(tokens) and tokens[follows] in VERBS and tokens[follows + 1] in PRONOUNS
    return puts and any(_is_wagon(token) for token in tokens[start:end])


def _places(tokens: Sequence[str], start: int, end: int, labels: Iterable[Label]) -> Iterable[tuple[Label, str]]:
    """The tracks in a part of a sentence, each with its preposition: from, to, on, or none."""
    spans = {label.start: label for label in labels if start <= label.start < end}
    leaving = LEAVING.intersection(tokens[start:end])
    preposition, at = "", start
    while at < end:
        token = tokens[at]
        label = spans.get(at) or _number(tokens, at, end, preposition)
        if label is not None:
            yield label, preposition
            preposition, at = "", label.end
            continue
        if token in VERBS or _is_wagon(token):
            preposition = ""
        elif (token in TO and tokens[at - 1 : at] not in ALONGSIDE) or (token in AWAY and leaving):
            preposition = "to"
        elif token in FROM and not (token in ("of", "out") and preposition == "to"):
            preposition = "from"
        elif token in ON and (preposition not in ("to", "from") or tokens[at - 1] in ("off", "down")):
            preposition = "on"
        elif token == ":" and at > start and tokens[at - 1] not in TO | FROM:
            preposition = ""
        at += 1


def _number(tokens: Sequence[str], at: int, end: int, preposition: str) -> Label | None:
    """A bare number, or `the third`, that can only be a track: after a preposition, or before `to`."""
    number = number_of(tokens[at])
    follows = tokens[at + 1] if at + 1 < end else ""
    ranks = tokens[at] in ORDINALS and (tokens[at - 1] in ARTICLES or follows == "" or follows in TO | FROM)
    if number is None and ranks and preposition and follows not in WAGON_NOUNS:
        number = ORDINALS[tokens[at]]
        return Label(at, at + (2 if follows == "one" else 1), (number,))
    if number is None or follows in WAGON_NOUNS or follows in ("times", "moves", "steps", "move", "of"):
        return None
    after = number_of(tokens[at + 2]) if at + 2 < end else None
    leads = follows == ">" or (follows in TO and (after is not None or "track" in tokens[at + 2 : at + 4]))
    pointed = bool(preposition) and tokens[at - 1] in BEFORE_NUMBER
    return Label(at, at + 1, (number,)) if pointed or leads else None


def _is_move(
    tokens: Sequence[str], start: int, end: int, places: list[tuple[Label, str]], verb: bool, waiting: bool
) -> bool:
    said = [preposition for _, preposition in places]
    if "to" in said:
        return True
    piece = set(tokens[start:end])
    if not places and piece & BACK and piece <= BACK | ONLY_BACK:
        return True
    if not places and tokens[start] in IMPERATIVES and PRONOUNS.intersection(tokens[start + 1 : start + 2]):
        raise Unclear(f'I cannot tell from where to where in "{" ".join(tokens[start:end][:20])}". {HINT}')
    first = next((at for at in range(start, end) if _is_verb(tokens, at)), end)
    if verb and any(label.start > first and place in ("on", "from") for label, place in places):
        return True
    if "from" in said and any(token in NEVER_SOURCE for token in tokens[start:end]):
        return True
    wagons = any(_is_wagon(token) for token in tokens[start:end])
    if waiting and not places and wagons:
        return True
    return verb and wagons and not places


def _sorted(tokens: Sequence[str], places: list[tuple[Label, str]]) -> tuple[int | None, tuple[int, ...]]:
    tracks = [(label.tracks[0], place) for label, place in places]
    targets = [track for track, place in tracks if place == "to"]
    sources = [track for track, place in tracks if place == "from"]
    others = [track for track, place in tracks if place in ("on", "")]
    if not targets and others and (sources or not NEVER_SOURCE.isdisjoint(tokens) or VERBS.intersection(tokens)):
        targets, others = others[:1], others[1:]
    elif targets and not sources:
        sources, others = others[:1], others[1:]
    if others or len(sources) > 1:
        raise Unclear(f'I cannot tell from where to where in "{" ".join(tokens[:20])}". {HINT}')
    return (sources[0] if sources else None), tuple(targets)


HINT = "Say a move like this: from track 1 to track 3, or: move F to track 3."


def _movable(tokens: Sequence[str], start: int, end: int) -> None:
    for at in range(start, end):
        follows = tokens[at + 1] if at + 1 < end else ""
        if tokens[at] in ALL and not (at and tokens[at - 1] in ASIDE):
            raise Unclear(f'I read one wagon a move and cannot read "{tokens[at]}". {HINT}')
        if (tokens[at] in ORDINALS or tokens[at] in NOT_LAST) and follows in WAGON_NOUNS:
            raise Unclear(f"Only the last wagon of a track, the one nearest the switch, can leave it. {HINT}")
        following = tokens[at : min(end, at + MOST_WORDS)]
        another = tokens[at] == "another" and "from" not in following
        if tokens[at] == "other" or another or _is_doubtful(following):
            raise Unclear(f'I cannot tell which move is meant in "{" ".join(tokens[start:end][:20])}". {HINT}')


def _is_doubtful(said: Sequence[str]) -> bool:
    """`or` before another place or wagon, and `not` before the verb; `… or not?` leaves no doubt."""
    if said[0] in ("or", "oder"):
        return any(_is_wagon(token) or number_of(token) is not None or token == "the" for token in said)
    return said[0] in ("not", "don't", "never", "nicht") and any(token in VERBS for token in said[1:3])


def _only_picks(said: Sequence[str], places: Sequence[tuple[Label, str]]) -> bool:
    """Whether a wagon is named by where it stands, as in `take the wagon on track 4`, and not where it goes."""
    moved = any(said[at] in VERBS and said[at + 1] in PRONOUNS for at in range(len(said) - 1))
    named = bool(WAGON_NOUNS.intersection(said)) and not moved and not PUTTING.intersection(said)
    return named and [place for _, place in places] == ["on"]


def _known(label: Label) -> None:
    if len(label.tracks) > 1:
        raise Unclear(f"I read one track where a wagon comes from and one where it goes to. {HINT}")
    if not 1 <= label.tracks[0] <= TRACKS:
        raise Unclear(f"There is no track {label.tracks[0]} here: the tracks are 1 to {TRACKS}.")


def _count(tokens: Sequence[str], start: int, end: int) -> int:
    """`two wagons`, `twice`, `three times`."""
    for at in range(start, end):
        number = number_of(tokens[at])
        if tokens[at] == "twice" or (number is not None and tokens[at + 1 : at + 2] == ["times"]):
            return min(number or 2, 9)
        if number is not None and at + 1 < end and tokens[at + 1] in WAGON_NOUNS:
            return min(number, 9)
    return 1


def _is_wagon(token: str) -> bool:
    return len(token) == 1 and token.isalpha() and token.isupper()


def moves_of(parts: Iterable[Part]) -> tuple[Said, ...]:
    """The moves that the parts of a text say one after the other. Raises Unclear."""
    moves: list[Said] = []
    waiting: Part | None = None
    for part in parts:
        if part.back and waiting is None:
            moves.append(_reversed(moves))
            continue
        whole = part if waiting is None else waiting.joined(part)
        waiting = None if whole.targets else whole
        if whole.targets:
            _add(moves, whole)
    if len(moves) > MOST_MOVES:
        raise Unclear(f"I follow at most {MOST_MOVES} moves at once, not {len(moves)}.")
    if waiting is not None:
        what = f"wagon {waiting.wagons[0]}" if waiting.wagons else f"the wagon of track {waiting.source}"
        raise Unclear(f"I cannot read to which track {what} is to go. {HINT}")
    return tuple(moves)


def _add(moves: list[Said], part: Part) -> None:
    first, source = part.targets[0] - 1, None if part.source is None else part.source - 1
    for wagon in part.wagons:
        if wagon not in WAGONS:
            raise Unclear(f"There is no wagon {wagon} here: the wagons are {', '.join(WAGONS[:-1])} and {WAGONS[-1]}.")
    if part.wagons:
        moves.extend(Named(wagon, first, source) for wagon in part.wagons)
    elif source is not None:
        moves.extend([Move(source, first)] * part.count)
    elif moves and moves[-1].target != first:
        moves.append(Move(moves[-1].target, first))
    else:
        raise Unclear(f"I cannot read which wagon is to go to track {first + 1}. {HINT}")
    for before, after in zip(part.targets, part.targets[1:], strict=False):
        if before == after or len(part.wagons) > 1 or part.count > 1:
            raise Unclear(f"I cannot tell from where to where that goes. {HINT}")
        moves.append(Move(before - 1, after - 1))


def _reversed(moves: list[Said]) -> Move:
    last = moves[-1] if moves else None
    if isinstance(last, Named) and last.source is not None:
        return Move(last.target, last.source)
    if isinstance(last, Move):
        return Move(last.target, last.source)
    raise Unclear(f"I cannot read to which track the wagon goes back. {HINT}")
