"""From tokens' bytes to text that may be shown: whole characters only, and nothing of a stop sequence."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

__all__ = ["Text"]


class Text:
    """The text of one answer as it grows.

    `feed` gives back what is certain: no half character, and no end that may turn out to be the beginning of a stop
    sequence. `stopped` is True once a stop sequence has come; it and all after it are left out. Bytes that are no
    UTF-8 become U+FFFD.
    """

    __slots__ = ("_decode", "_held", "_longest", "_stops", "stopped")

    def __init__(self, stops: Sequence[str] = ()):
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._stops = tuple(stops)
        self._longest = max((len(stop) for stop in self._stops), default=0)
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """The bytes of one token have come: the text that may now be shown, possibly empty."""
        text = self._decode(piece)
        if not self._stops:
            return text
        if self.stopped or not text:
            return ""
        text = self._held + text
        found = min((at for at in map(text.find, self._stops) if at >= 0), default=-1)
        if found >= 0:
            self.stopped, self._held = True, ""
            return text[:found]
        keep = self._may_become_a_stop(text)
        cut = len(text) - keep
        self._held = text[cut:]
        return text[:cut]

    def close(self) -> str:
        """No more tokens come: what was held. A character whose last bytes never came is left out."""
        held, self._held = self._held, ""
        return held

    def _may_become_a_stop(self, text: str) -> int:
        """Length of the longest end of `text` with which a stop sequence begins."""
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stops):
                return length
        return 0
