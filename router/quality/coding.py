"""Small programs to write, each with calls that show whether it is right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["CODING", "CodingTask", "code_in"]

ASK = (
    "Write a Python function named `{name}`. {words} Use the standard library only. Answer with one block of Python "
    "code and nothing else."
)

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_BLOCK = re.compile(r"^[ \t]*```[ \t]*([A-Za-z0-9]*)[^\n]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CodingTask:
    """A function, in words, and what it gives back. Values are as JSON has them."""

    name: str
    words: str
    cases: tuple[tuple[tuple[Any, ...], Any], ...]
    """Arguments, and what must come of them."""

    @property
    def prompt(self) -> str:
        """What the model is asked."""
        return ASK.format(name=self.name, words=self.words)


def code_in(answer: str, name: str) -> str:
    """The program in an answer: the last block that defines the function, else all of it."""
    text = _THOUGHT.sub("", answer)
    blocks = [match[2] for match in _BLOCK.finditer(text)]
    defining = [block for block in blocks if re.search(rf"^[ \t]*def {name}\b", block, re.MULTILINE)]
    return (defining or blocks or [text])[-1]


CODING = (
    CodingTask(
        "wagon_counts",
        "It takes a text such as `3xA,2xB,1xA` and gives a dict from each letter to the sum of its numbers. An empty "
        "text gives an empty dict.",
        ((("3xA,2xB,1xA",), {"A": 4, "B": 2}), (("",), {}), (("10xZ",), {"Z": 10})),
    ),
    CodingTask(
        "longest_run",
        "It takes a list and gives the length of the longest stretch of equal neighbours; 0 for an empty list.",
        ((([1, 1, 2, 2, 2, 3],), 3), (([],), 0), ((["a"],), 1), (([1, 2, 1, 2],), 1)),
    ),
    CodingTask(
        "merge_spans",
        "It takes a list of [start, end] pairs of whole numbers in any order and gives the pairs that cover the same "
        "numbers without touching or overlapping, sorted. Pairs that share an end, such as [1, 3] and [3, 5], are one. "
        "The list that was given stays as it is.",
        (
            (([[5, 7], [1, 3], [2, 4]],), [[1, 4], [5, 7]]),
            (([],), []),
            (([[1, 3], [3, 5]],), [[1, 5]]),
            (([[1, 10], [2, 3]],), [[1, 10]]),
        ),
    ),
    CodingTask(
        "roman",
        "It takes a whole number from 1 to 3999 and gives its Roman numeral in capital letters.",
        (((1994,), "MCMXCIV"), ((4,), "IV"), ((3999,), "MMMCMXCIX"), ((58,), "LVIII")),
    ),
    CodingTask(
        "balanced",
        "It takes a text and says whether its brackets (), [] and {} are closed in the right order. Other characters "
        "do not matter.",
        ((("a(b[c]{d})",), True), (("([)]",), False), (("",), True), (("((",), False), (("]",), False)),
    ),
    CodingTask(
        "rotate",
        "It takes a list and a whole number n and gives a new list, rotated n places to the right; n may be negative, "
        "or greater than the length of the list.",
        (
            (([1, 2, 3, 4], 1), [4, 1, 2, 3]),
            (([1, 2, 3], -1), [2, 3, 1]),
            (([1, 2, 3], 7), [3, 1, 2]),
            (([], 3), []),
        ),
    ),
    CodingTask(
        "seconds_of",
        "It takes a duration such as `1h30m`, `45s` or `2d4h` (units d, h, m, s, each at most once, in this order) "
        "and gives its whole seconds. For anything else, an empty text included, it gives the text `bad`.",
        (
            (("1h30m",), 5400),
            (("45s",), 45),
            (("2d4h",), 187_200),
            (("30m1h",), "bad"),
            (("",), "bad"),
            (("5x",), "bad"),
        ),
    ),
    CodingTask(
        "shortest_way",
        "It takes a dict from a name to the list of names one step away, a start and a goal, and gives the number of "
        "steps of the shortest way, 0 when they are the same, -1 when there is none. A name may be missing as a key.",
        (
            (({"a": ["b"], "b": ["c"], "c": []}, "a", "c"), 2),
            (({"a": ["b"], "b": ["a"]}, "a", "z"), -1),
            (({}, "a", "a"), 0),
            (({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["a"]}, "a", "d"), 2),
        ),
    ),
    CodingTask(
        "wrap_words",
        "It takes a text and a width and gives a list of lines, each as many words as fit into the width, joined by "
        "single spaces. A word that is longer than the width has a line of its own.",
        (
            (("the red lamp turns green", 8), ["the red", "lamp", "turns", "green"]),
            (("", 5), []),
            (("a bb cccccc", 4), ["a bb", "cccccc"]),
        ),
    ),
    CodingTask(
        "transpose_text",
        "It takes a list of lines and gives the list of columns, from left to right; short lines count as filled with "
        "spaces, and no column has spaces at its end.",
        (((["abc", "d"],), ["ad", "b", "c"]), (([],), []), ((["a", "bcd"],), ["ab", " c", " d"])),
    ),
    CodingTask(
        "top_words",
        "It takes a text and a number n and gives the n commonest words as [word, count] pairs: lower case, letters "
        "a to z only, all else separates words; the commonest first, equal ones by the alphabet.",
        (
            (("B a b, A! c", 2), [["a", 2], ["b", 2]]),
            (("x-y x", 5), [["x", 2], ["y", 1]]),
            (("", 3), []),
        ),
    ),
    CodingTask(
        "next_version",
        "It takes a version such as `1.4.9` and one of the words `major`, `minor`, `patch`, and gives the next version "
        "of that kind; the parts behind it become 0.",
        ((("1.4.9", "patch"), "1.4.10"), (("1.4.9", "minor"), "1.5.0"), (("0.9.9", "major"), "1.0.0")),
    ),
)
