"""Where a JSON object ends that arrives in pieces."""

from __future__ import annotations

import re

__all__ = ["ObjectEnd"]

_SIGNS = re.compile(r'[{}"\\]')


class ObjectEnd:
    """Counts braces outside of strings, each character once: `reached` when the first one is closed again. Of a text
    that does not begin with one it never is."""

    __slots__ = ("_begins", "_depth", "_escaping", "_in_string", "reached")

    def __init__(self) -> None:
        self.reached = False
        self._begins: bool | None = None
        """With a brace; None: nothing but blanks has come."""
        self._depth = 0
        self._in_string = False
        self._escaping = False
        """The piece before ended with a backslash."""

    def feed(self, piece: str) -> None:
        """More of the text."""
        if self._begins is None and (start := piece.lstrip()):
            self._begins = start[0] == "{"
        if not self._begins or self.reached or not piece:
            return
        escaped = 0 if self._escaping else -1
        self._escaping = False
        for sign in _SIGNS.finditer(piece):
            at, char = sign.start(), sign[0]
            if at == escaped:
                continue
            if char == "\\":
                escaped = at + 1
                self._escaping = escaped == len(piece)
            elif char == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if char == "{" else -1
                if self._depth == 0:
                    self.reached = True
                    return
