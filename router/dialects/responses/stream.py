"""An answer as server-sent events."""

from __future__ import annotations

import orjson

from router.dialects.contract import Writer
from router.dialects.neutral import Event
from router.dialects.responses.answer import Answer

__all__ = ["Stream"]


class Stream(Writer):
    """Writes each event of an answer with its name, as OpenAI's streams do."""

    def __init__(self, answer: Answer):
        self._answer = answer

    def write(self, event: Event) -> bytes:
        """See Writer."""
        return b"".join(
            b"event: %b\ndata: %b\n\n" % (told["type"].encode(), orjson.dumps(told))
            for told in self._answer.tell(event)
        )
