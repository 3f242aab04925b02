"""What a request asks of a world model: the words of its turns, and the fields that steer the decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from router.backends.contract import Call
from router.backends.llama.request import CompletionRequest, read, refuse
from router.backends.world.frames import MOST
from router.backends.world.settings import Settings
from router.request.content import ASSISTANT, USER, Conversation

__all__ = ["CHAT", "COMPLETIONS", "FIELD", "Question", "pack"]

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
FIELD = "signalbox"
"""Of a request: an object; `world: true` asks to be told what was imagined, `ablate: true` for a condition of zeros.
Of an answer: an object whose `world` tells it."""

FIELDS = (
    *("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "repeat_last_n", "frequency_penalty"),
    *("presence_penalty", "seed", "logit_bias", "stop", "max_tokens", "max_completion_tokens", "n", "best_of"),
    *("stream_options", "chat_template_kwargs", FIELD),
)
"""Of the body's fields, those that are looked at. Tools are not: a world model calls none, and a client that offers
some still wants its answer."""
MOST_TURNS = 32
MOST_WORDS = 64_000
"""Characters of earlier turns: what was said before is only looked through for a state to go on from."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as the child answers it."""

    turns: tuple[str, ...]
    """What user and assistant said; the user's latest turn is the last."""
    request: CompletionRequest
    ablate: bool
    """The request asks for a condition of zeros."""
    world: bool
    """The request asks to be told what was imagined."""

    @property
    def prompt(self) -> str:
        """The user's latest turn."""
        return self.turns[-1]

    @classmethod
    def loads(cls, payload: bytes, settings: Settings) -> Question:
        """What `pack` wrote; what it leaves open is as the settings say. Raises BackendError("refused")."""
        packed = orjson.loads(payload)
        given = packed["fields"]
        fields = {"temperature": settings.temperature, "repeat_penalty": settings.repeat_penalty, **given}
        if given.get("max_completion_tokens") is None:
            fields.setdefault("max_tokens", settings.max_tokens)
        asked = given.get(FIELD)
        asked = asked if isinstance(asked, dict) else {}
        return cls(
            turns=tuple(packed["turns"]),
            request=read(fields, chat=packed["chat"], stream=packed["stream"]),
            ablate=settings.ablate or asked.get("ablate") is True,
            world=asked.get("world") is True,
        )


def pack(call: Call) -> bytes:
    """The question in a call, for the child. Raises BackendError("refused") when nobody asks anything."""
    data = call.data
    chat = call.path == CHAT
    if chat and not isinstance(data.get("messages"), list):
        raise refuse('"messages" must be a list of at least one message')
    fields = {name: data[name] for name in FIELDS if data.get(name) is not None}
    packed = {"turns": _turns(data), "chat": chat, "stream": call.stream, "fields": fields}
    try:
        payload = orjson.dumps(packed)
    except (TypeError, ValueError):
        raise refuse("the request holds a text that is no Unicode, or a number that is too large") from None
    if len(payload) > MOST:
        raise refuse(f"the request holds more than {MOST >> 20} MiB of text", "context_length_exceeded")
    return payload


def _turns(data: dict[str, Any]) -> list[str]:
    conversation = Conversation(data)
    items, last = conversation.items, conversation.last
    # A client that wraps all of what it says still means its last message.
    latest = conversation.text or conversation.last_words
    if not latest.strip():
        raise refuse("no message of a user holds any words")
    before: list[str] = []
    room = MOST_WORDS
    for item in reversed(items[: max(0, last)]):
        if item.role not in (USER, ASSISTANT) or not isinstance(item.content, str):
            continue
        room -= len(item.content)
        if room < 0 or len(before) == MOST_TURNS:
            break
        before.append(item.content)
    return [*reversed(before), latest]
