"""The text of a custom tool's call, read out of the JSON of the function call that stands for it, as it comes."""

from __future__ import annotations

import json
import re

from router.dialects.responses.tools import FIELD

__all__ = ["Spelling"]

_OPENING = re.compile(rf'[ \t\r\n]*\{{[ \t\r\n]*"{FIELD}"[ \t\r\n]*:[ \t\r\n]*"')
_LONGEST_OPENING = 256
"""Characters in which it is known whether the JSON begins as it should."""
_RUN = re.compile(r'[^"\\]*')
_PLAIN = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = frozenset("0123456789abcdefABCDEF")


class Spelling:
    """JSON in pieces goes in, split anywhere; the text of its one field comes out as soon as it is certain.

    Models err: raw line breaks and unknown escapes stand for themselves, halves of surrogate pairs become U+FFFD, and
    JSON of another form is looked at as a whole when it is complete.
    """

    def __init__(self) -> None:
        self._pending = ""
        """Not yet understood."""
        self._state = "opening"
        """Then `text` and `over`; or `whole`, for JSON of another form."""
        self._pieces: list[str] = []
        """Of the JSON of another form."""

    def feed(self, piece: str) -> str:
        """More of the text."""
        if self._state == "over":
            return ""
        if self._state == "whole":
            self._pieces.append(piece)
            return ""
        self._pending += piece
        if self._state == "opening":
            self._open()
        return self._read() if self._state == "text" else ""

    def close(self) -> str:
        """The rest of the text, when the JSON is complete or breaks off."""
        pending, state = self._pending, self._state
        self._pending, self._state = "", "over"
        if state in ("opening", "whole"):
            return _of_whole(pending + "".join(self._pieces))
        return "\ufffd" if state == "text" and _is_half(pending) else ""

    def _open(self) -> None:
        if (match := _OPENING.match(self._pending)) is not None:
            self._pending, self._state = self._pending[match.end() :], "text"
        elif len(self._pending) > _LONGEST_OPENING:
            self._state = "whole"

    def _read(self) -> str:
        text, at, found = self._pending, 0, []
        while at < len(text):
            run = _RUN.match(text, at)
            assert run is not None
            found.append(run.group())
            at = run.end()
            if at == len(text):
                break
            if text[at] == '"':
                self._state, at = "over", len(text)
                break
            escape = _escape(text, at)
            if escape is None:
                break
            said, at = escape
            found.append(said)
        self._pending = text[at:]
        return "".join(found)


def _escape(text: str, at: int) -> tuple[str, int] | None:
    """What the escape at this place stands for, and where it ends; None: more must come."""
    letter = text[at + 1 : at + 2]
    if not letter:
        return None
    if letter != "u":
        return _PLAIN.get(letter, "\\" + letter), at + 2
    if not _HEX.issuperset(text[at + 2 : at + 6]):
        return "\\u", at + 2
    if len(text) < at + 6:
        return None
    code = int(text[at + 2 : at + 6], 16)
    if not 0xD800 <= code < 0xE000:
        return chr(code), at + 6
    if code >= 0xDC00:
        return "\ufffd", at + 6
    return _pair(code, text, at + 6)


def _pair(high: int, text: str, at: int) -> tuple[str, int] | None:
    """After the first half of a surrogate pair."""
    second = text[at : at + 6]
    if not ("\\u".startswith(second[:2]) and _HEX.issuperset(second[2:])):
        return "\ufffd", at
    if len(second) < 6:
        return None
    low = int(second[2:], 16)
    if not 0xDC00 <= low < 0xE000:
        return "\ufffd", at
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), at + 6


def _is_half(pending: str) -> bool:
    """It broke off after the first half of a pair."""
    return len(pending) >= 6


def _of_whole(text: str) -> str:
    """Of JSON in another form: the field by its name, else the only text, else all of it."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, str):
        return _sound(value)
    if isinstance(value, dict):
        texts = [entry for entry in value.values() if isinstance(entry, str)]
        if isinstance(value.get(FIELD), str):
            return _sound(value[FIELD])
        if len(value) == len(texts) == 1:
            return _sound(texts[0])
        if not value:
            return ""
    return text


def _sound(text: str) -> str:
    """Without halves of surrogate pairs, which no JSON that is sent may hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
