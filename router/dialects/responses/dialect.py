"""The dialect: one request, read at once, and its answers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from router.dialects.contract import Dialect, Writer
from router.dialects.neutral import Event, Failed
from router.dialects.responses import fields
from router.dialects.responses.answer import Answer
from router.dialects.responses.echo import echo
from router.dialects.responses.error import error_body
from router.dialects.responses.recall import earlier, resolved
from router.dialects.responses.request import items_of, prompt_of, refuse, toolbox
from router.dialects.responses.sayable import sayable
from router.dialects.responses.store import Memory
from router.dialects.responses.stream import Stream

__all__ = ["Responses"]


class Responses(Dialect):
    """A request to /v1/responses."""

    def __init__(self, data: dict[str, Any], memory: Memory | None = None, seed: str | None = None):
        """`memory`: what is kept for this client, and keeps its answers as each of them ends; None: nothing is kept.
        `seed` names the ids of the answers; None: one by chance. Raises Unreadable."""
        data = sayable(data)
        refuse(data)
        self._asked = resolved(items_of(data), memory)
        items = earlier(data, memory) + self._asked
        self._box = toolbox(data, items)
        self.prompt, passed_over = prompt_of(data, items, self._box)
        self.left_out = (*self._box.left_out, *passed_over)
        """Types of tools and items that the model is not told of: only OpenAI's servers know what to do with them."""
        self._memory = None if fields.boolean(data, "store") is False else memory
        self._echo = {**echo(data, stored=self._memory is not None), "model": self.prompt.model}
        self._seed = seed or secrets.token_hex(8)

    def writer(self) -> Writer:
        """See Dialect."""
        return Stream(self._answer())

    def whole(self, events: Sequence[Event]) -> dict[str, Any]:
        """See Dialect."""
        answer = self._answer()
        for event in events:
            answer.tell(event)
        return answer.response

    def error(self, failed: Failed) -> dict[str, Any]:
        """See Dialect."""
        return error_body(failed)

    def _answer(self) -> Answer:
        return Answer(self._echo, self._box, self._seed, self._keep)

    def _keep(self, response: dict[str, Any]) -> None:
        if self._memory is not None:
            self._memory.keep(response, [item for _, item in self._asked])
