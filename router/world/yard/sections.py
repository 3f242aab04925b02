"""What a text asks, and which of its states is which: the one that is, the one wanted, the one seen afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from router.world.yard.state import WAGONS
from router.world.yard.words import NUMBERS, ORDINALS, TRACK_NOUNS, WAGON_NOUNS, words

__all__ = [
    "Question", "Section", "asks_plan", "asks_safe", "asks_steps", "numbers_states", "only_names_state", "section_of",
]  # fmt: skip

Section = Literal["", "start", "want", "goal", "see", "observed"]
"""`want` and `see` are weaker than `goal` and `observed`: they may also introduce the state that is."""
Question = Literal["after", "safe", "plan", "show"]

DRAWINGS = words(
    "picture diagram drawing sketch photo map layout arrangement setup situation state yard configuration version "
    "position order"
)
OBSERVED = words(
    "observed observe observation observing actually really reality actual measured beobachtet tats\u00e4chlich instead"
)
SEE = words("see saw sehe")
GOAL = words(
    "goal goals target targets desired destination aim final objective wanted ziel zielzustand endzustand finally "
    "finish endstate intended required requested ideal"
)
WANT = words(
    "tomorrow tonight want wants need get reach achieve should become becomes arrive into obtain produce reaching "
    "getting making lead leads result results yield yields must ought supposed meant trying hope finished solved "
    "soll sollen m\u00f6chte will wish would like until such so"
)
ASKING_ABOUT = words("know ask wonder understand tell imagine help you")
"""Who wants to know, or wants help, has not said which state is wanted."""
ENDS = words("end ends ending")
"""Of a plan where they begin a sentence; elsewhere a track has ends."""
BEGIN = words(
    "start starting starts begin begins beginning initial initially originally original startzustand anfangs given"
)
NOW = words(
    "now currently current today moment momentan aktuell jetzt present existing yesterday previously previous old "
    "earlier"
)
PAST, FUTURE = words("before have vorher"), words("after afterwards nachher")
POINTERS = words("this that these those here there the one following") | DRAWINGS
"""Words between `from` or `to` and the colon of a heading."""
ENTERING = words("going looking coming driving rolling entering facing go come look goes walking travelling driven")
STATE = words("state yard position arrangement setup layout situation")
PLAN = words(
    "plan plans planning shortest sequence solve solution fewest reach achieve rearrange route minimal minimum "
    "quickest goal ziel umstellen optimal path erreiche erreichen transform convert sort reorder reorganise reorganize "
    "arrange turn"
)
SAFE = words(
    "feasibility legality validity "
    "safe safely allowed legal legally valid possible permitted permissible feasible forbidden illegal disallowed "
    "prohibited unsafe acceptable permission granted refused denied forbid forbids prohibit prohibits permit permits "
    "allow allows approve approved reject rejected authorised authorized okayed unlawful lawful "
    "erlaubt m\u00f6glich sicher zul\u00e4ssig verboten legit alright"
)
MAYBE_SAFE = words("ok okay fine work works problem problems trouble objections objection rule rules go good")
MAY = words("can may could might darf kann dare")
OPENING = words("so and then now ok okay well please but also hello hi und")
YES_OR_NO = words(
    "is are may can could would will does do am should might shall must did isn't won't can't wouldn't ist darf kann "
    "any"
)
SUBJECTS = words("i we this that it the somebody someone one wagon car") | {*WAGONS}
"""Who may do something, or what may be done: so begins a question for yes or no that lacks its mark."""
OF_THE_READER = words("help me us solve work figure explain list draw give")
"""`Can you …` with one of these asks for an answer and not whether anything may be done."""
TELLING = words("what how which where who tell show describe look looks was wie zeig welche wo")
HOW = words("do can could would should must did might")
ASKERS = words("i we you one")
LISTED = words("moves steps z\u00fcge")
TO_DO = words("to lead bring needed get take do required necessary reach turn")
SHORTEST = words("shortest fewest quickest minimal minimum fastest")


def section_of(said: Sequence[str]) -> Section:
    """The section that words before a track's name begin, the first of theirs that a colon ends; "" for none."""
    begin = 0
    for at, token in enumerate(said):
        if token == ":" or at + 1 == len(said):
            if (found := _section(said[begin : at + 1])) or at + 1 == len(said):
                return found
            begin = at + 1
    return ""


def _section(said: Sequence[str]) -> Section:
    if (pointed := _pointed(said)) is not None:
        return pointed
    found: Section = ""
    for at, token in enumerate(said):
        following = said[at + 1] if at + 1 < len(said) else ""
        if token in OBSERVED and not (token == "instead" and found in ("want", "goal")):
            return "observed"
        if token in SEE and any(word in said[:at] for word in ("i", "we", "now", "ich")) and "to" not in said[:at]:
            return "see"
        if token in GOAL and following not in ("track", "siding"):
            found = "goal"
        elif found != "goal" and _is_wanted(said, at):
            found = "want"
        elif token in BEGIN and (
            following not in ("at", "with", "from") or said[at + 2 : at + 3] in (["this"], ["here"], [":"])
        ):
            found = "start" if found != "goal" or at > 1 else found
        elif not found and (token in NOW or (token in STATE and following == ":")):
            found = "start"
    if found and said[-1] == "from":
        return "start"
    return "" if found == "want" and ASKING_ABOUT.intersection(said) else found


def _is_wanted(said: Sequence[str], at: int) -> bool:
    """Whether a word wants a state: `they should stand`, `it has to be`, `the end state`."""
    token, following = said[at], said[at + 1] if at + 1 < len(said) else ""
    if token in ENDS:
        return (at == 0 and following != "of") or following in ("up", "state", "position")
    if token == "to":
        return at > 0 and said[at - 1] in ("has", "have", "had") and following not in ("work", "deal", "do")
    return token in WANT and following != "know" and _wants(said, at)


def only_names_state(said: Sequence[str]) -> bool:
    """Whether words are a heading like `the yard:`, which does not say which state it is."""
    return {token for token in said if token.isalpha()} <= STATE | {"the", "my", "is", "tracks", "track"}


def _pointed(said: Sequence[str]) -> Section | None:
    """The section of `… from this position:`, `… to that:`, `before:`, `later`, or an arrow alone."""
    plain = [token for token in said if token != ":"]
    if plain in ([">"], ["later"], ["tomorrow"], ["then"]):
        return "want"
    if said[1:2] == [":"] and said[0] in PAST | FUTURE:
        return "start" if said[0] in PAST else "want"
    while plain and said[-1] == ":" and plain[-1] in POINTERS:
        plain.pop()
    last = plain[-1] if plain and said[-1] == ":" else said[0] if said and said[0] in ("to", "into") else ""
    if last in ("to", "into"):
        return "want"
    return "start" if last == "from" else None


def numbers_states(tokens: Sequence[str]) -> bool:
    """Whether whole states have numbers or ranks, as `picture 2` or `the second yard`."""
    return any(
        (tokens[at - 1] in ORDINALS and token in DRAWINGS)
        or (
            tokens[at - 1] in DRAWINGS | {"number"}
            and at > 1
            and (token in NUMBERS or token.isdecimal())
            and tokens[at + 1 : at + 2] == [":"]
            and not TRACK_NOUNS.intersection(tokens[at - 2 : at])
        )
        for at, token in enumerate(tokens[1:], 1)
    )


def _wants(said: Sequence[str], at: int) -> bool:
    """`would like` and `so that` want something; `like this` and `so far` do not."""
    if said[at] == "into":
        return at == 0 or said[at - 1] not in ENTERING
    if said[at] == "like":
        return at > 0 and said[at - 1] in ("would", "i'd", "we'd", "should", "'d")
    return said[at] not in ("so", "such") or said[at + 1 : at + 2] == ["that"]


def asks_plan(tokens: Sequence[str], moves: bool) -> bool:
    """Which moves lead somewhere, how to get there. Where a text says moves, a word like `plan` alone asks nothing."""
    if not moves and (PLAN.intersection(tokens) or LISTED.intersection(tokens)):
        return True
    for at, token in enumerate(tokens):
        following = tokens[at + 1] if at + 1 < len(tokens) else ""
        noun = at == 0 or not (tokens[at - 1] == "it" or len(tokens[at - 1]) == 1 or tokens[at - 1] in WAGON_NOUNS)
        if token in LISTED and noun and (following in TO_DO or (at and tokens[at - 1] in ("which", "what", "welche"))):
            return True
        if token in SHORTEST or (token in ("plan", "way", "path") and following in ("to", "for")):
            return True
        if token == "how" and (following in ("to", "many") or (following in HOW and _second(tokens, at) in ASKERS)):
            return True
        if token == "wie" and "komme" in tokens[at : at + 3]:
            return True
    return False


def asks_safe(tokens: Sequence[str]) -> bool:
    """Whether a move may be made: a sentence with such a word, or a question for yes or no."""
    sentence: list[str] = []
    for token in [*tokens, "."]:
        if token in ".?!\n;":
            if _is_safe(sentence, token == "?"):
                return True
            sentence = []
        else:
            sentence.append(token)
    return False


def _is_safe(sentence: Sequence[str], asked: bool) -> bool:
    said = [token for token in sentence if token not in OPENING and token.isalpha()]
    first, second = (*said[:2], "", "")[:2]
    asked = asked or (first in YES_OR_NO and second in SUBJECTS and ":" not in sentence[:2])
    if first in YES_OR_NO and second == "you" and OF_THE_READER.intersection(said) and not SAFE.intersection(said):
        return False
    if SAFE.intersection(sentence) or {"yes", "no"} <= set(sentence):
        return True
    whether = "whether" in sentence or ("if" in sentence and bool(TELLING.intersection(sentence)))
    if whether and (MAY.intersection(sentence) or MAYBE_SAFE.intersection(sentence)):
        return True
    if not asked or TELLING.intersection(sentence):
        return False
    return first in YES_OR_NO or bool(MAYBE_SAFE.intersection(sentence[1:])) or bool(MAY.intersection(sentence))


def _second(tokens: Sequence[str], at: int) -> str:
    return tokens[at + 2] if at + 2 < len(tokens) else "-"


def asks_steps(tokens: Sequence[str]) -> bool:
    """Every state on the way, and not the last one alone."""
    said = " ".join(tokens)
    forms = ("step by step", "each step", "every step", "each move", "every move", "schritt", "all steps", "one by one")
    return any(form in said for form in forms)
