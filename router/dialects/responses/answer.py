"""An answer as it comes: events in, the events of Responses out, and at its end the response as one object.

Both forms of an answer are made here, so that a stream tells exactly what the plain answer holds.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import Any

from router.dialects.neutral import (
    Arguments,
    Began,
    Called,
    Ended,
    Event,
    Failed,
    Refused,
    Said,
    Thought,
    Usage,
    Used,
)
from router.dialects.responses.error import code_of
from router.dialects.responses.output import Call, Message, Piece, Reasoning, Status, call_of
from router.dialects.responses.tools import Toolbox

__all__ = ["Answer"]

_CUT_SHORT = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Ends of an answer that is not complete, and what Responses calls them."""

Told = dict[str, Any]


class Answer:
    """One answer to one request."""

    def __init__(self, echo: dict[str, Any], box: Toolbox, seed: str, ended: Callable[[dict[str, Any]], None]):
        """`echo`: what it repeats of the request; `seed` names its ids, together with the backend's own id; `ended` is
        told the response when it has come to its end."""
        self.response: dict[str, Any] = dict(echo)
        """As it stands; whole after `Ended`."""
        self.over = False
        self._box = box
        self._seed = seed
        self._ended = ended
        self._tag = ""
        """What its ids have in common; empty until it has begun."""
        self._told: list[Told] = []
        self._number = 0
        self._pieces: list[Piece] = []
        self._speech: Reasoning | Message | None = None
        """Open, and may grow."""
        self._calls: dict[int, Call] = {}
        """Open, by their own index: their arguments come interleaved, so all stay open to the end."""
        self._touched: Piece | None = None
        """What grew last: where an answer is cut short, it is this that lacks its end."""

    def tell(self, event: Event) -> list[Told]:
        """The events that tell this one, numbered; none after the end."""
        if not self.over:
            self._take(event)
        told, self._told = self._told, []
        return told

    def _take(self, event: Event) -> None:
        match event:
            case Began():
                self._begin(event)
            case Thought(text):
                if text:
                    self._grow(self._thoughts(), text)
            case Said(text):
                if text:
                    self._tell(self._message().grow("output_text", text))
            case Refused(text):
                if text:
                    self._tell(self._message().grow("refusal", text))
            case Called():
                self._call(event)
            case Arguments(index, text):
                if text:
                    self._grow(self._calls[index], text)
            case Used(usage):
                self.response["usage"] = _usage(usage)
            case Ended(reason):
                self._end(_CUT_SHORT.get(reason))
            case Failed():
                self._fail(event)

    def _tell(self, events: Iterable[Told]) -> None:
        for event in events:
            kind = event.pop("type")
            self._told.append({"type": kind, "sequence_number": self._number, **event})
            self._number += 1

    def _tell_response(self, kind: str) -> None:
        self._tell([{"type": f"response.{kind}", "response": dict(self.response)}])

    def _begin(self, began: Began) -> None:
        self._tag = hashlib.sha256(f"{self._seed}\0{began.id}".encode()).hexdigest()[:32]
        self.response |= {"id": f"resp_{self._tag}", "created_at": began.created, "model": began.model}
        self._tell_response("created")
        self._tell_response("in_progress")

    def _open(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._touched = piece
        self._tell(piece.opened())

    def _grow(self, piece: Reasoning | Call, text: str) -> None:
        self._touched = piece
        self._tell(piece.grow(text))

    def _thoughts(self) -> Reasoning:
        if not isinstance(self._speech, Reasoning):
            self._fall_silent()
            self._speech = Reasoning(len(self._pieces), self._id("rs_"))
            self._open(self._speech)
        return self._speech

    def _message(self) -> Message:
        if not isinstance(self._speech, Message):
            self._fall_silent()
            self._speech = Message(len(self._pieces), self._id("msg_"))
            self._open(self._speech)
        self._touched = self._speech
        return self._speech

    def _call(self, called: Called) -> None:
        self._fall_silent()
        native = self._box.native(called.name)
        call = call_of(len(self._pieces), self._id(), called.id or self._id("call_"), native)
        self._calls[called.index] = call
        self._open(call)

    def _id(self, prefix: str = "") -> str:
        """Of the next item."""
        return f"{prefix}{self._tag}{len(self._pieces):02x}"

    def _fall_silent(self, status: Status = "completed") -> None:
        if self._speech is not None:
            self._tell(self._speech.closed(status))
            self._speech = None

    def _end(self, cut_short: str | None) -> None:
        lacking = self._touched if cut_short else None
        self._fall_silent("incomplete" if self._speech is lacking else "completed")
        for call in self._calls.values():
            self._tell(call.closed("incomplete" if call is lacking else "completed"))
        status: Status = "completed" if cut_short is None else "incomplete"
        self.response["status"] = status
        if cut_short is not None:
            self.response["incomplete_details"] = {"reason": cut_short}
        self.response["output"] = [
            piece.item("incomplete" if piece is lacking else "completed") for piece in self._pieces
        ]
        self._tell_response(status)
        self.over = True
        self._ended(self.response)

    def _fail(self, failed: Failed) -> None:
        """What is open stays so: the client is told that there is no answer."""
        if not self._tag:
            self._begin(Began("", self.response["model"], int(time.time())))
        self.response["status"] = "failed"
        self.response["error"] = {"code": code_of(failed), "message": failed.message}
        open_now = {self._speech, *self._calls.values()}
        self.response["output"] = [
            piece.item("incomplete" if piece in open_now else "completed") for piece in self._pieces
        ]
        self._tell_response("failed")
        self.over = True


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.input + usage.output,
    }
