"""A text prepared for many questions about its wording.

Searching a text for some hundred phrases costs more than everything else that is asked of a request. So the text is cut
once into word stems, and a phrase is searched for only where the stem of one of its words occurs at all.
"""

from __future__ import annotations

import re

__all__ = ["Phrases", "Wording", "any_of", "words"]

_WORD = re.compile(r"\w+")


def words(text: str) -> frozenset[str]:
    """The words of a text that lists them."""
    return frozenset(text.split())


def any_of(*alternatives: str) -> str:
    """A group that matches any of the expressions."""
    return "(?:" + "|".join(alternatives) + ")"


class Wording:
    """A text, the same in lower case, its words in lower case, and their stems, the first four letters of each."""

    __slots__ = ("lower", "stems", "text", "words")

    def __init__(self, text: str):
        self.text = text
        self.lower = text.lower()
        self.words = frozenset(_WORD.findall(self.lower))
        self.stems = frozenset([word[:4] for word in self.words])

    def has_any(self, stems: frozenset[str]) -> bool:
        """One of the stems occurs."""
        return not self.stems.isdisjoint(stems)


class Phrases:
    """An expression over lower-case text, with the stems without which it cannot match.

    `stems` is one string of words; each counts by its first four letters. Every match must contain a word of them.
    """

    __slots__ = ("_expression", "_stems")

    def __init__(self, stems: str, expression: str):
        self._stems = frozenset(stem[:4] for stem in stems.split())
        self._expression = re.compile(expression)

    def search(self, wording: Wording, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        """The first match in the lower-case text between two places, without the gate's help when there is none."""
        if wording.stems.isdisjoint(self._stems):
            return None
        return self._expression.search(wording.lower, start, len(wording.lower) if end is None else end)

    def count(self, wording: Wording) -> int:
        """How many matches there are."""
        if wording.stems.isdisjoint(self._stems):
            return 0
        return sum(1 for _ in self._expression.finditer(wording.lower))
