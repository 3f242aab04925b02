"""Where in a growing text a call may be beginning. What stands in a code fence, in a code span or in quotes is spoken
of, and not called."""

from __future__ import annotations

import re

from router.toolcalls.reading import Call, Tools, read
from router.toolcalls.wrappers import Wrapper, wrappers

__all__ = ["Found", "Scanner"]

MOST_READ = 4
"""Beginnings of one answer that are read to their end: each costs a pass over the text."""
LONGEST_HEAD = 512
"""Characters of a beginning that are looked at; names of tools have 64 at most."""
_NOTABLE = re.compile(r"[<\[{`f]")
"""Where a wrapper may begin, cut off at the end of what has come."""
_OPENED = re.compile(r"<tool_call|<function|<\|(?:python|tool|channel|start)|<｜tool|\[TOOL_CALLS|functools|`")
"""Where one does, in the middle of it."""
LONGEST_OPENED = 16
_TICKS = re.compile("`+")
_QUOTES = "\"'“‘`"

Found = tuple[str, list[Call], str]
"""The text before the calls, the calls, and the name of their wrapper."""


class Scanner:
    """Of one answer's text."""

    __slots__ = (
        "_before",
        "_blank",
        "_fenced",
        "_line",
        "_read",
        "_run",
        "_said",
        "_span",
        "_text",
        "_tools",
        "_wrappers",
    )

    def __init__(self, tools: Tools):
        self._tools = tools
        self._wrappers: dict[str, list[Wrapper]] = {}
        """By the sign that they begin with."""
        for each in wrappers(tools.names):
            if not (each.whole and tools.json_asked):
                for sign in sorted({word[0] for word in each.steps[0]}):
                    self._wrappers.setdefault(sign, []).append(each)
        self._text = ""
        """From where a call may be beginning; else nothing."""
        self._before = ""
        """The character before that."""
        self._said = False
        """The answer has words before it."""
        self._line = True
        """Nothing but space stands before it in its line."""
        self._fenced = self._span = False
        self._run = 0
        """Backticks directly before it."""
        self._read = 0

    @property
    def held(self) -> int:
        """Characters from the first that may belong to a call."""
        return len(self._text)

    def feed(self, text: str) -> None:
        """More of the answer."""
        if not self._text:
            self._go_on(text)
        elif len(self._text) < LONGEST_HEAD:
            self._go_on(self._text + text)
        else:
            self._text += text

    def end(self) -> Found | None:
        """The answer is whole: what was found in what is held."""
        held = self._text
        while self._text:
            for wrapper in self._beginning(self._text):
                if self._read >= MOST_READ:
                    return None
                self._read += 1
                calls = read(wrapper.name, self._text, self._tools)
                if calls is not None:
                    return held[: len(held) - len(self._text)], calls, wrapper.name
            rest = self._text[1:]
            self._pass(self._text[0])
            self._text = ""
            self._go_on(rest)
        return None

    def _go_on(self, text: str) -> None:
        """Walk over the text until a call may be beginning."""
        at = 0
        while at < len(text):
            notable = self._notable(text, at)
            here = notable.start() if notable is not None else len(text)
            if here > at:
                self._pass(text[at:here])
            if here == len(text):
                break
            if self._beginning(text[here : here + LONGEST_HEAD]):
                self._text = text[here:]
                return
            ticks = _TICKS.match(text, here)
            at = here + 1 if ticks is None else ticks.end()
            self._pass(text[here:at])
        self._text = ""

    def _notable(self, text: str, at: int) -> re.Match[str] | None:
        """The next place that is worth a look."""
        if not self._said:
            return _NOTABLE.search(text, at)
        return _OPENED.search(text, at) or _NOTABLE.search(text, max(at, len(text) - LONGEST_OPENED))

    def _beginning(self, text: str) -> list[Wrapper]:
        if self._fenced or self._span or (self._before and self._before in _QUOTES):
            return []
        near = [each for each in self._wrappers.get(text[0], ()) if not (each.whole and self._said)]
        if not near:
            return []
        head = text[:LONGEST_HEAD]
        return [each for each in near if each.begins(head)]

    def _pass(self, text: str) -> None:
        """These characters are no call. Backticks come by themselves."""
        if "`" not in text:
            line = text.rpartition("\n")
            if line[1]:
                self._line, self._span = True, False
            self._run = 0
            self._line = self._line and not line[2].strip()
        else:
            before, self._run = self._run, self._run + len(text)
            if self._line and before < 3 <= self._run:
                self._fenced, self._span = not self._fenced, False
            elif not self._line or self._run < 3:
                self._span ^= len(text) % 2 == 1
        self._said = self._said or bool(text.strip())
        self._before = text[-1]
