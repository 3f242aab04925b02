"""A conditioning vector in words, for a decoder that reads text; and those words kept out of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FORMS", "LeakFilter", "as_text"]

FORMS = ("chunks", "stats", "both")
SLICES = 8
HEAD = 8


def as_text(conditioning: npt.ArrayLike, form: str) -> str:
    """In one of FORMS, as Tofy writes it: sums in float64, three or four decimals.

    `chunks`: means of eight equal slices, the last with the rest. `stats`: mean, standard deviation of the whole
    population, length, and the first eight numbers. `both`: a space between them. Raises ValueError for another form.
    """
    if form not in FORMS:
        raise ValueError(f"{form!r} is no form of a condition: {', '.join(FORMS)} are.")
    vector = np.asarray(conditioning, np.float64)
    parts = {"chunks": _chunks, "stats": _stats}
    return " ".join(parts[part](vector) for part in parts if form in (part, "both"))


def _chunks(vector: npt.NDArray[np.float64]) -> str:
    size = len(vector) // SLICES
    slices = [vector[size * n : size * (n + 1) if n < SLICES - 1 else None] for n in range(SLICES)]
    return f"chunks=[{_thousandths(part.mean() if len(part) else 0.0 for part in slices)}]"


def _stats(vector: npt.NDArray[np.float64]) -> str:
    l2 = float(np.sqrt(np.square(vector).sum()))
    return f"mean={vector.mean():.4f},std={vector.std():.4f},l2={l2:.4f},head=[{_thousandths(vector[:HEAD])}]"


def _thousandths(numbers: Iterable[Any]) -> str:
    return ",".join(f"{number:.3f}" for number in numbers)


LABELS = ("chunks", "stats", "mean", "std", "l2", "head")
WORDS = (*LABELS, "and")
SIGNS = "-+−"
OPENERS = {"(": ")", "[": "]", "{": "}", '"': '"', "`": "`"}
SEPARATORS = ",;|/*"
BETWEEN = SEPARATORS + "=:…"
CLINGING = ".,;:!?)]}"
MOST_HELD = 64
"""Characters that are held back at most while they may still belong to a leak."""

_WRAPS = r"[\s\[({\"`*]*"
_LEAD = re.compile(rf"{_WRAPS}(?:(?:{'|'.join(LABELS)})[\"`*]*\s*[=:]{_WRAPS})*\Z", re.IGNORECASE)
_QUOTES_OR_ANY = re.compile(r"`+|\"+|.", re.DOTALL)
_CUT_SHORT = re.compile(r"\s*\b(?:(?:chunks|head)=\[?|(?:mean|std|l2)=)\Z")
_NUMBER = re.compile(r"\d+\.\d+")
_LIKE_ONE = re.compile(r"\d+\.\d{3,4}")
_BECOMING_ONE = re.compile(r"\d{1,8}(\.\d{0,4})?")


class LeakFilter:
    """Takes the numbers of one condition out of an answer that comes in pieces.

    What goes: every number in the condition's own spelling, with or without its sign; the label and the brackets that
    stand around such numbers; in their list also numbers that look like them, as decoders copy inexactly. What stays:
    any other number, and a list or a label of the user's that holds none of the condition's.

    It works a character at a time, so that what comes out never depends on where the pieces were cut. Held back is only
    what may yet turn out to be a part of a leak, MOST_HELD characters and one word at most.
    """

    def __init__(self, condition: str):
        self._own = frozenset(_NUMBER.findall(condition))
        self._begun = frozenset(number[:end] for number in self._own for end in range(len(number) + 1))
        self._out: list[str] = []
        self._atom = ""
        """The word or number that is being read, as long as it may belong to a leak."""
        self._in_word = False
        """Within a word that cannot."""
        self._held = ""
        """Before a leak: what may lead to one. Within: what may stand between its numbers."""
        self._leaking = False
        self._labelled = False
        self._open: list[str] = []
        """Brackets of the leak that are not closed yet."""
        self._closed = False
        """The last thing of the leak was such a bracket's end."""
        self._gap = ""
        """White space before the leak."""
        self._said = False
        """Something came out already."""
        self._orphaned = False
        """The answer began with a leak: punctuation that followed it has nothing to follow now."""

    def feed(self, text: str) -> str:
        """What can be shown after the next piece."""
        for character in text:
            self._read(character)
        return self._take()

    def close(self) -> str:
        """The rest; the answer is complete."""
        atom, self._atom = self._atom, ""
        digits = atom.lstrip(SIGNS)
        cut = digits in self._begun and digits not in self._own  # the answer ended within what may be a number
        kept = _CUT_SHORT.sub("", self._held)
        if cut and (kept != self._held or (self._leaking and (self._held or self._open))):
            self._held, atom = kept, ""
        if atom:
            self._token(atom)
        if self._leaking:
            self._end("")
        self._show(self._held)
        self._held = ""
        return self._take()

    def _take(self) -> str:
        shown = "".join(self._out)
        self._out.clear()
        return shown

    def _show(self, text: str) -> None:
        if self._orphaned:
            text = text.lstrip(CLINGING + " \n\t")
            self._orphaned = not text
        if text:
            self._said = True
            self._out.append(text)

    def _read(self, character: str) -> None:
        """Characters to tokens: a word, a number with its sign, or any other character."""
        in_word = character.isalnum() or character == "_"
        if self._in_word and in_word:
            self._show(character)
        elif self._may_leak(self._atom + character):
            self._in_word = False
            self._atom += character
        elif in_word:
            word, self._atom, self._in_word = self._atom + character, "", True
            self._token(word)
        else:
            self._in_word = False
            if self._atom:
                atom, self._atom = self._atom, ""
                self._token(atom)
            if character in SIGNS:
                self._atom = character
            else:
                self._token(character)

    def _may_leak(self, atom: str) -> bool:
        """Whether a word or number that begins so can belong to a leak."""
        digits = atom[1:] if atom[0] in SIGNS else atom
        if digits in self._begun or any(word.startswith(atom.lower()) for word in WORDS):
            return True
        return self._in_list() and _BECOMING_ONE.fullmatch(digits) is not None

    def _in_list(self) -> bool:
        return any(bracket in "([{" for bracket in self._open)

    def _token(self, token: str) -> None:
        if self._leaking:
            self._go_on(token)
        elif token.lstrip(SIGNS) in self._own:
            self._begin()
        elif self._leads(token) and len(self._held) + len(token) <= MOST_HELD:
            self._held += token
        else:
            self._show(self._held + token)
            self._held = ""

    def _leads(self, token: str) -> bool:
        return token.isspace() or token in OPENERS or token in "=:*" or token.lower() in LABELS

    def _begin(self) -> None:
        """The first number of a leak: what leads to it goes with it."""
        lead = _LEAD.search(self._held)
        assert lead is not None, "it matches the empty text at the end"
        self._show(self._held[: lead.start()])
        found = lead.group()
        self._gap = found[: len(found) - len(found.lstrip())]
        self._labelled = any(sign in found for sign in "=:")
        self._open = []
        label = False
        for part in _QUOTES_OR_ANY.findall(found):  # quotes after a label end it; else all of a run begin
            if label and self._open[-len(part) :] == list(part):
                del self._open[-len(part) :]
            else:
                self._open += [character for character in part if character in OPENERS]
            label = part.isalnum()
        self._held, self._leaking, self._closed = "", True, False

    def _bracket(self, character: str) -> None:
        """Note an opening or closing bracket within the leak."""
        if self._open and OPENERS[self._open[-1]] == character:
            self._open.pop()
        elif character in OPENERS:
            self._open.append(character)

    def _go_on(self, token: str) -> None:
        """The next token after a leak's number: one more of it, something between, or its end."""
        digits = token.lstrip(SIGNS)
        if digits in self._own or (self._in_list() and _LIKE_ONE.fullmatch(digits)):
            for character in self._held:
                self._bracket(character)
            self._held, self._closed = "", False
        elif self._open and not set(self._held) & OPENERS.keys() and OPENERS[self._open[-1]] == token:
            self._open.pop()
            self._held, self._closed = "", True
        elif self._between(token) and len(self._held) + len(token) <= MOST_HELD:
            self._held += token
        else:
            self._end(token)
            self._token(token)

    def _between(self, token: str) -> bool:
        if token.isspace() or token in BETWEEN or token in OPENERS or token.lower() in WORDS:
            return True
        return token == "." and self._in_list()

    def _end(self, follows: str) -> None:
        """The leak is over, and `follows` comes next, "" at the end of the answer: leave tidy what stood around it."""
        rest = self._held.lstrip() if self._closed else self._held.lstrip(SEPARATORS + "… \n\t")
        gap = self._wider(self._gap, self._held[: len(self._held) - len(rest)])
        if not follows and not self._closed:
            rest = ""  # it ended amid a list
        elif follows and not self._labelled:
            rest = "".join(self._open) + rest  # they enclose more than numbers
        self._held, self._leaking = "", False
        if not self._said:
            self._orphaned, gap = True, ""
        elif (rest + follows)[:1] in (*CLINGING, ""):
            gap = ""
        self._show(gap + rest)

    @staticmethod
    def _wider(before: str, after: str) -> str:
        """One white space in place of two: a line's end if there was one, else a space."""
        if "\n" in before + after:
            return before if before.count("\n") >= after.count("\n") else "".join(c for c in after if c.isspace())
        return " " if (before + after).strip(SEPARATORS + "…") else ""
