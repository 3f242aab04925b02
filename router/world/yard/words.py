"""Tokens and word lists that training and reading share, and `clause_of`, the one form in which the encoder gets words.

English first; the German words that a user of a German yard would type are in the same lists.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from router.world.yard.state import WAGONS

__all__ = [
    "ENGLISH_IN_WAGONS", "NUMBERS", "ORDINALS", "TRACK_NOUNS", "WAGON_NOUNS", "clause", "clause_of", "label_at",
    "plain", "tokens_of", "with_wagons", "words",
]  # fmt: skip


def words(listed: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(listed.split())


TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|\n|[^\s\w]|_")
ABBREVIATIONS = re.compile(r"\b(e\.g\.|i\.e\.|z\.\s?b\.)", re.IGNORECASE)
BARS = re.compile(r"[\u2502\u2503\u2551\u00a6\u250a]")
CORNERS = re.compile(r"[\u250c-\u254b\u2552-\u256c\u256d-\u2573\u2580-\u25ff]")
ARROWS = re.compile(r"[\u2190-\u21ff\u2794-\u27bf\u27f5-\u27ff]|[-=~]{1,3}>")
DASHES = re.compile(r"[\u2010-\u2015\u2212\u2500\u2501\u2550]")
APOSTROPHES = re.compile(r"[\u2018\u2019\u201b\u02bc`\u00b4]")
QUOTES = re.compile(r"""["\u201c\u201d\u201e\u00ab\u00bb*]|(?<!\w)'|'(?!\w)""")

TRACK_NOUNS = words(
    "track tracks siding sidings line lines rail rails gleis gleise gleisen road roads lane lanes row rows spur spurs "
    "stub stubs bay bays trk tr tk gl"
)
WAGON_NOUNS = words(
    "wagon wagons car cars carriage carriages unit units waggon waggons coach coaches wagen wagens waggons vehicle "
    "vehicles railcar railcars freightcar letter letters truck trucks van vans boxcar boxcars"
)
NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "null": 0, "eins": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9,
}  # fmt: skip
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "1st": 1, "2nd": 2,
    "3rd": 3, "4th": 4, "5th": 5, "6th": 6, "erste": 1, "ersten": 1, "erstes": 1, "zweite": 2, "zweiten": 2,
    "zweites": 2, "dritte": 3, "dritten": 3, "drittes": 3, "vierte": 4, "vierten": 4, "viertes": 4, "fünfte": 5,
    "fünften": 5,
}  # fmt: skip
ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6}
ENGLISH_IN_WAGONS = words(
    "ad add added bad bade be bead bed bee beef cab cad cafe dab dad dead deaf decade deed ebb ed edde fab face faced "
    "fad fade faded fed fee feed ace aced cede facade efface da"
)
"""Words that could also be wagons written without a space."""
SHORT_LABEL = re.compile(r"(?:t|tr|trk|track|g|gl|gleis|siding|s|line|row|l|r|rd|ln|road|lane|rail|spur|sp)(\d{1,3})")
NUMBER_SIGNS = frozenset(["no", "nr", "num", "number", "nummer", "#", ".", "_", "-", ":"])
BEFORE_LABEL = words("on in at the auf dem das der im and while with and then is are das upon und , - > + .")
EDGES = frozenset(",.;:|!?=-_/\\+<>~")
DROPPED = frozenset("[]{}|")
ARTICLE_NEXT = words(
    "locomotive engine shunter loco driver crew colleague friend tractor "
    "single lone lonely move train plan yard state track possible safe question few couple bit valid shunting switch "
    "picture siding simple quick short legal new different solution path"
)
CALLED = words("called named labelled labeled marked")
AFTER_WAGON = words(
    "and then is are at behind in on to from nearest with stands stand goes onto into before after by next followed "
    "over off ahead closest und dann steht auf nach von first last or moves sits sit parked being alone there here "
    "between leaves comes can out deepest innermost outermost frontmost farthest where which ist"
)
SMALL = frozenset("abcdef")
JOINS = frozenset(",.;:!?)]}|/\\-+&>=<\n")


def plain(text: str) -> str:
    """The text with one sort of arrow (`>`), dash and apostrophe, without quotation marks; digits are ASCII ones."""
    text = unicodedata.normalize("NFKC", text.replace("\r", "\n"))
    text = CORNERS.sub(" ", BARS.sub("|", text))
    text = APOSTROPHES.sub("'", DASHES.sub("-", ARROWS.sub(" > ", text)))
    text = "".join(" " if unicodedata.category(sign) in ("So", "Cf", "Mn") else sign for sign in text)
    return QUOTES.sub(" ", ABBREVIATIONS.sub(" ", text))


def tokens_of(text: str) -> list[str]:
    """Words (runs of letters and digits, also with an apostrophe inside), single other characters, and line ends."""
    return [token.removesuffix("'s") for token in TOKEN.findall(plain(text))]


def with_wagons(tokens: Sequence[str]) -> list[str]:
    """The tokens with every wagon as one capital letter and everything else in lower case.

    Letters that no yard has (G, X, …) stay capitals, so that a reader can complain of them. Wagons written together
    are taken apart. Lower-case letters are wagons too, but for an `a` that is the article.
    """
    capitals = any(len(token) == 1 and token in WAGONS for token in tokens)
    shouted = _is_shouted(tokens)
    found: list[str] = []
    for at, token in enumerate(tokens):
        if len(token) == 1 and token.isalpha():
            named = found[-1:] == ["the"] or (bool(found) and found[-1] in WAGON_NOUNS)
            follows = tokens[at + 1] if at + 1 < len(tokens) else "\n"
            listed = follows in SMALL and token == "a"
            named = (
                named or listed or (found[-1:] != [] and found[-1] in WAGONS and (follows in JOINS or follows in SMALL))
            )
            wagon = _is_wagon(token, tokens[at + 1 : at + 3], capitals, named)
            found.append(token.upper() if wagon else token.lower())
        elif _is_glued(token, capitals, shouted, found, "".join(tokens[at + 1 : at + 2])):
            found.extend(token.upper())
        else:
            found.append(token.lower())
    return found


def _is_shouted(tokens: Sequence[str]) -> bool:
    longer = [token for token in tokens if len(token) > 2 and token.isalpha() and not set(token) <= set(WAGONS)]
    return sum(map(str.isupper, longer)) * 2 > len(longer)


def _is_wagon(letter: str, following: Sequence[str], capitals: bool, named: bool) -> bool:
    if letter in "Ii":
        return False
    if letter not in "Aa" or named:
        return letter.isupper() or letter.upper() in WAGONS
    after = following[0] if following else "\n"
    if letter == "a":
        one_letter = len(after) == 1 and after.isalpha()
        return after in JOINS or after.lower() in AFTER_WAGON or (one_letter and not capitals)
    if after in WAGON_NOUNS:
        last = following[1] if len(following) > 1 else "\n"
        return not (last in CALLED or (len(last) == 1 and last.isalpha()))
    return after not in ARTICLE_NEXT


def _is_glued(token: str, capitals: bool, shouted: bool, before: Sequence[str], after: str) -> bool:
    if not 2 <= len(token) <= 8 or not token.isascii() or not token.isalpha():
        return False
    word = token.lower()
    if token.isupper() and not (shouted and word in ENGLISH_IN_WAGONS):
        return set(token) <= set(WAGONS) or (not shouted and set(token) <= set("ABCDEFGH"))
    listed = bool(before) and before[-1] in (":", "|", "=", "[", ",", "1", "2", "3", "4")
    listed = listed or after in ("on", "at", ",", "and", ";", "auf")
    distinct = len(set(word)) == len(word) and set(word) <= set("abcdef")
    return token.islower() and listed and not capitals and distinct and word not in ENGLISH_IN_WAGONS


def label_at(tokens: Sequence[str], at: int) -> tuple[int, int] | None:
    """The number of the track that is named from this token on, and how many tokens name it; None when none is.

    `track 1`, `siding no. 2`, `the first track`, `T3`, `2. Gleis`, `#4`. Tokens are in lower case.
    """
    token = tokens[at]
    if (short := SHORT_LABEL.fullmatch(token)) is not None:
        return int(short[1]), 1
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if token in ORDINALS and following in TRACK_NOUNS:
        return ORDINALS[token], 2
    if token == "#" and following.isdecimal():
        return _number(following), 2
    if token == "T" and (following in ("-", ".", "_", "#") or following.isdecimal()):
        end = at + 1 + (not following.isdecimal())
        return (_number(tokens[end]), end + 1 - at) if end < len(tokens) and tokens[end].isdecimal() else None
    if token.isdecimal() and following == "." and at + 2 < len(tokens) and tokens[at + 2] == "gleis":
        return _number(token), 3
    if token not in TRACK_NOUNS:
        return None
    end = at + 1
    while end < len(tokens) and end < at + 3 and tokens[end] in NUMBER_SIGNS:
        if tokens[end] == ":" and token.endswith("s"):
            break
        end += 1
    number = _number(tokens[end]) if end < len(tokens) else -1
    if number < 0 and end == at + 1 < len(tokens):
        number = ROMAN.get(tokens[end], -1)
    return None if number < 0 else (number, end + 1 - at)


def _number(token: str) -> int:
    if token.isascii() and token.isdecimal():
        return int(token[:4])
    return NUMBERS.get(token, -1)


def clause_of(sentence: str) -> str:
    """What the encoder is given for one track: words in lower case, wagons as capitals, tokens parted by one space.

    The name of the track is left out where the sentence begins with it and is the word `track` elsewhere, brackets
    and quotation marks are left out, and what is said without any word is `empty`.
    """
    return clause(with_wagons(tokens_of(sentence)))


def clause(tokens: Sequence[str]) -> str:
    """`clause_of` for tokens that `with_wagons` has made, which knows more of the text than one sentence says."""
    tokens = [token for token in tokens if token not in DROPPED and token != "\n"]
    said: list[str] = []
    at = 0
    while at < len(tokens):
        if (label := label_at(tokens, at)) is not None:
            at += label[1]
            said = [] if set(said) <= BEFORE_LABEL else [*said, "track"]
        elif not said and tokens[at] in EDGES and len(tokens) > 1:
            at += 1
        else:
            said.append(tokens[at])
            at += 1
    while len(said) > 1 and said[-1] in EDGES:
        said.pop()
    blank = set(said) <= EDGES and said != ["-"]
    return "empty" if blank else " ".join(said)
