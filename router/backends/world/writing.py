"""The answer to one question in OpenAI's shapes, as it grows."""

from __future__ import annotations

from router.backends.llama.chunks import Chunks
from router.backends.world.question import FIELD, Question
from router.backends.world.speaker import Spoken

__all__ = ["Writing"]


class Writing:
    """Text goes in; of a stream, each piece comes out as bytes at once, of a plain answer all at the end."""

    def __init__(self, name: str, question: Question):
        self._question = question
        self._request = question.request
        self._chunks = Chunks(name, chat=self._request.chat, stream=self._request.stream)
        self._text: list[str] = []

    def piece(self, text: str) -> bytes:
        """More text: the bytes that may go out now, possibly none."""
        if self._request.stream:
            return self._chunks.text(text, None) if text else b""
        self._text.append(text)
        return b""

    def end(self, spoken: Spoken) -> bytes:
        """The last bytes, with the usage, and with what the model imagined where that was asked for."""
        tally = spoken.tally
        extension = {FIELD: {"world": spoken.world}} if self._question.world else None
        if self._request.stream:
            return self._chunks.end(tally.reason, tally.usage() if self._request.include_usage else None, extension)
        return self._chunks.whole("".join(self._text), [], tally.reason, tally.usage(), None, extension)
