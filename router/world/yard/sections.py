"""What a text asks, and which of its states is which: the one that is, the one wanted, the one seen afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from router.world.yard.words import WAGON_NOUNS, words

__all__ = ["Question", "Section", "asks_plan", "asks_safe", "asks_steps", "only_names_state", "section_of"]

Section = Literal["", "start", "want", "goal", "see", "observed"]
"""`want` and `see` are weaker than `goal` and `observed`: they may also introduce the state that is."""
Question = Literal["after", "safe", "plan", "show"]

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
    "getting making lead leads result results yield yields "
    "soll sollen m\u00f6chte will wish would like until such so"
)
ENDS = words("end ends ending")
"""Of a plan where they begin a sentence; elsewhere a track has ends."""
START = words(
    "now start starting starts currently current initial initially today given moment begin beginning momentan aktuell "
    "jetzt startzustand anfangs present existing"
)
ENTERING = words("going looking coming driving rolling entering facing go come look goes walking travelling driven")
STATE = words("state yard position arrangement setup layout situation")
PLAN = words(
    "plan plans planning shortest sequence solve solution fewest reach achieve rearrange route minimal minimum "
    "quickest goal ziel umstellen optimal path erreiche erreichen transform convert sort reorder reorganise reorganize "
    "arrange turn"
)
SAFE = words(
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
TELLING = words("what how which where who tell show describe look looks was wie zeig welche wo")
HOW = words("do can could would should must did might")
ASKERS = words("i we you one")
LISTED = words("moves steps z\u00fcge")
TO_DO = words("to lead bring needed get take do required necessary reach turn")
SHORTEST = words("shortest fewest quickest minimal minimum fastest")


def section_of(said: Sequence[str]) -> Section:
    """The section that words before a track's name begin; "" for none."""
    found: Section = ""
    if (pointed := _pointed(said)) is not None:
        return pointed
    for at, token in enumerate(said):
        following = said[at + 1] if at + 1 < len(said) else ""
        if token in OBSERVED and not (token == "instead" and found in ("want", "goal")):
            return "observed"
        if token in SEE and any(word in said[:at] for word in ("i", "we", "now", "ich")) and "to" not in said[:at]:
            return "see"
        if token in ENDS and ((at == 0 and following != "of") or following in ("up", "state", "position")):
            found = "want" if found != "goal" else found
        elif token in GOAL and following not in ("track", "siding"):
            found = "goal"
        elif token in WANT and found != "goal" and following != "know" and _wants(said, at):
            found = "want"
        elif token in START and (
            following not in ("at", "with", "from") or said[at + 2 : at + 3] in (["this"], ["here"])
        ):
            found = "start" if found != "goal" or at > 1 else found
        elif token in STATE and following == ":" and not found:
            found = "start"
    if (
        not found
        and said
        and said[0] in ("before", "after", "afterwards", "have", "vorher", "nachher")
        and said[1:2] == [":"]
    ):
        return "start" if said[0] in ("before", "have", "vorher") else "want"
    if (found and said[-1] == "from") or (
        not found and said[:1] == ["from"] and ":" in said[1:3] and said[1] not in ("the", "track")
    ):
        return "start"
    if not found and said and said[0] in ("to", "into"):
        return "want"
    if found == "want" and any(word in said for word in ("know", "ask", "wonder", "understand", "tell", "imagine")):
        return ""
    return found


def only_names_state(said: Sequence[str]) -> bool:
    """Whether words are a heading like `the yard:`, which does not say which state it is."""
    return {token for token in said if token.isalpha()} <= STATE | {"the", "my", "is", "tracks", "track"}


def _pointed(said: Sequence[str]) -> Section | None:
    """The section of `… from this:`, `… to that:`, `later`, or an arrow alone."""
    plain = [token for token in said if token not in (":", "one", "yard")]
    if plain in ([">"], ["later"], ["tomorrow"], ["then"]):
        return "want"
    if len(plain) > 1 and plain[-1] in ("this", "that", "here", "there", "these") and said[-1:] == [":"]:
        return "start" if plain[-2] == "from" else "want" if plain[-2] in ("to", "into") else None
    return None


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
    if SAFE.intersection(sentence) or {"yes", "no"} <= set(sentence):
        return True
    whether = "whether" in sentence or ("if" in sentence and bool(TELLING.intersection(sentence)))
    if whether and (MAY.intersection(sentence) or MAYBE_SAFE.intersection(sentence)):
        return True
    if not asked or TELLING.intersection(sentence):
        return False
    first = next((token for token in sentence if token not in OPENING), "")
    return first in YES_OR_NO or bool(MAYBE_SAFE.intersection(sentence[1:])) or bool(MAY.intersection(sentence))


def _second(tokens: Sequence[str], at: int) -> str:
    return tokens[at + 2] if at + 2 < len(tokens) else "-"


def asks_steps(tokens: Sequence[str]) -> bool:
    """Every state on the way, and not the last one alone."""
    said = " ".join(tokens)
    forms = ("step by step", "each step", "every step", "each move", "every move", "schritt", "all steps", "one by one")
    return any(form in said for form in forms)
