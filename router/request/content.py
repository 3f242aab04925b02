"""The conversation in a request, whichever dialect it is written in.

Chat completions hold `messages`, Responses `instructions` and `input` items, the Anthropic API `system` and `messages`,
completions a `prompt`, embeddings an `input`. All become one list of items, and everything else in this room reads that
list. Nothing here trusts a type: a client may put anything anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from router.request.wrappers import is_tool_result, unwrap

__all__ = [
    "ASSISTANT",
    "OTHER",
    "SYSTEM",
    "TOOL",
    "USER",
    "Conversation",
    "Item",
    "Media",
    "count_media",
    "dialect_of",
    "plain",
]

SYSTEM, USER, ASSISTANT, TOOL, OTHER = "system", "user", "assistant", "tool", "other"

_ROLES = {
    "system": SYSTEM,
    "developer": SYSTEM,
    "user": USER,
    "assistant": ASSISTANT,
    "model": ASSISTANT,
    "tool": TOOL,
    "function": TOOL,
    "tool-call": ASSISTANT,
    "tool-response": TOOL,
}
_IMAGE_PARTS = frozenset({"image_url", "input_image", "image", "computer_screenshot"})
_AUDIO_PARTS = frozenset({"input_audio", "audio", "audio_url"})
_FILE_PARTS = frozenset({"file", "input_file", "document", "video", "video_url", "input_video"})
_CARRIERS = ("image_url", "source", "file_id", "image", "data", "url", "result")


class Item(NamedTuple):
    """One message or item: who speaks, what is said (text, list of parts, or anything), and the item as it came."""

    role: str
    content: Any
    raw: Any


class Media(NamedTuple):
    """How many images, pieces of audio and files a request carries."""

    images: int = 0
    audios: int = 0
    files: int = 0


def dialect_of(path: str) -> str:
    """`anthropic`, `responses` or `openai`, from a canonical path."""
    if path.startswith("/v1/messages"):
        return "anthropic"
    return "responses" if path.startswith("/v1/responses") else "openai"


GIVEN = ("suffix", "documents", "input_prefix", "input_suffix", "input_extra")
"""Fields that are a part of the prompt, and nobody's turn."""


def _read_items(data: dict[str, Any]) -> list[Item]:
    items: list[Item] = []
    items += [Item(SYSTEM, data[key], data[key]) for key in ("system", "instructions") if data.get(key)]
    messages = data.get("messages")
    if isinstance(messages, list):
        items += [_message(message) for message in messages]
        return items
    given = data.get("input", data.get("prompt", data.get("query")))
    if isinstance(given, list) and any(isinstance(entry, dict) for entry in given):
        items += [_message(entry) if isinstance(entry, dict) else Item(USER, entry, entry) for entry in given]
    elif given is not None:
        items.append(Item(USER, given, given))
    return items + [Item(OTHER, data[key], data[key]) for key in GIVEN if data.get(key)]


def _message(message: Any) -> Item:
    if not isinstance(message, dict):
        return Item(OTHER, None, message)
    role = message.get("role")
    kind = message.get("type")
    if isinstance(kind, str) and kind != "message":
        if kind.endswith("_output"):
            return Item(TOOL, message.get("output"), message)
        if kind in ("input_text", "input_image", "input_audio", "input_file", "text", "image_url"):
            return Item(USER, [message], message)
        if not isinstance(role, str) or kind == "additional_tools":
            return Item(ASSISTANT if kind != "additional_tools" else OTHER, [message], message)
    return Item(_ROLES.get(role, OTHER) if isinstance(role, str) else USER, message.get("content"), message)


def _parts(content: Any) -> Iterator[dict[str, Any]]:
    """The parts of a content, those inside tool results too (they nest once in every dialect; four levels are read)."""
    level = content if isinstance(content, list) else [content] if isinstance(content, dict) else []
    for _ in range(4):
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                yield part
                inner = part.get("content", part.get("output"))
                if isinstance(inner, list):
                    below += inner
                elif isinstance(inner, dict):
                    below.append(inner)
        if not below:
            return
        level = below


def plain(content: Any) -> str:
    """The text of a content, parts joined by newlines; tool results and media within it are left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return ""
    return "\n".join(_texts(content))


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            text = part.get("text")
            if isinstance(text, str):
                yield text


def count_media(content: Any) -> Media:
    images = audios = files = 0
    for part in _parts(content):
        kind = part.get("type")
        if not isinstance(kind, str):
            continue
        if kind in _IMAGE_PARTS or kind == "image_generation_call":
            images += any(_is_there(part.get(key)) for key in _CARRIERS)
        elif kind in _AUDIO_PARTS:
            audios += 1
        elif kind in _FILE_PARTS:
            if _is_image_file(part):
                images += 1
            else:
                files += 1
    return Media(images, audios, files)


def _is_there(carrier: Any) -> bool:
    """A picture is really given: a URL or data that is not empty, as text or inside an object."""
    if isinstance(carrier, dict):
        return any(isinstance(value, str) and value for key, value in carrier.items() if key not in ("type", "detail"))
    return isinstance(carrier, str) and bool(carrier)


def _is_image_file(part: dict[str, Any]) -> bool:
    inner = part.get("file")
    data = inner.get("file_data") if isinstance(inner, dict) else part.get("file_data")
    return isinstance(data, str) and data.startswith("data:image/")


class Conversation:
    """The items of one request, and what they tell. Each answer is worked out once, when first asked for."""

    __slots__ = ("_first", "_last", "_media", "_system", "_texts", "_turns", "items")

    def __init__(self, data: dict[str, Any]):
        self.items = _read_items(data)
        self._media: Media | None = None
        self._system: str | None = None
        self._last: int | None = None
        self._first: str | None = None
        self._texts: dict[int, str] = {}
        self._turns: int | None = None

    @property
    def system(self) -> str:
        """All system prompts, wherever they stand, joined by newlines."""
        if self._system is None:
            self._system = "\n".join([plain(item.content) for item in self.items if item.role == SYSTEM])
        return self._system

    @property
    def media(self) -> Media:
        """Images, audio and files anywhere: in any turn, in tool results, in system prompts."""
        if self._media is None:
            found = [count_media(item.content) for item in self.items if not isinstance(item.content, str)]
            self._media = Media(*map(sum, zip(*found, strict=True))) if found else Media()
        return self._media

    @property
    def text(self) -> str:
        """The latest real user turn, unwrapped; "" when there is none or it has no words."""
        return self._user_text(self.last) if self.last >= 0 else ""

    @property
    def last(self) -> int:
        """Index of the latest real user turn in `items`, -1 when there is none."""
        if self._last is None:
            backwards = range(len(self.items) - 1, -1, -1)
            self._last = next((i for i in backwards if self.items[i].role == USER and self._is_turn(i)), -1)
        return self._last

    @property
    def first(self) -> int:
        """Index of the first real user turn that has words in `items`, -1 when there is none."""
        return next((i for i, item in enumerate(self.items) if item.role == USER and self._user_text(i)), -1)

    @property
    def first_text(self) -> str:
        """The first real user turn that has words."""
        if self._first is None:
            texts = (self._user_text(i) for i, item in enumerate(self.items) if item.role == USER)
            self._first = next((text for text in texts if text), "")
        return self._first

    @property
    def turns(self) -> int:
        """How many user messages are real turns."""
        if self._turns is None:
            self._turns = sum(self._is_turn(i) for i, item in enumerate(self.items) if item.role == USER)
        return self._turns

    @property
    def tool_loop(self) -> bool:
        """The request ends with tool results (a picture that a tool returned may follow them as a user message)."""
        for index in range(len(self.items) - 1, -1, -1):
            item = self.items[index]
            if item.role == TOOL:
                return True
            if item.role in (SYSTEM, OTHER):
                continue
            if item.role != USER or self._is_turn(index):
                return False
            if _carries_results(item.content):
                return True
        return False

    @property
    def ends_with_turn(self) -> bool:
        """The last that was said, system prompts aside, is a turn of the user's own."""
        for index in range(len(self.items) - 1, -1, -1):
            if self.items[index].role not in (SYSTEM, OTHER):
                return self.items[index].role == USER and self._is_turn(index)
        return True

    @property
    def last_words(self) -> str:
        """The raw text of the very last user message, wrapped or not."""
        return next((plain(item.content) for item in reversed(self.items) if item.role == USER), "")

    def _is_turn(self, index: int) -> bool:
        """Words of the user's own, or a picture that did not come out of a tool."""
        content = self.items[index].content
        if self._user_text(index):
            return True
        if isinstance(content, str) or _carries_results(content):
            return False
        after_tool = index > 0 and self.items[index - 1].role == TOOL
        return not after_tool and not plain(content).strip() and any(count_media(content))

    def _user_text(self, index: int) -> str:
        text = self._texts.get(index)
        if text is None:
            text = self._texts[index] = _unwrapped(self.items[index].content)
        return text


def _unwrapped(content: Any) -> str:
    if isinstance(content, str):
        return unwrap(content)
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return ""
    return "\n".join(filter(None, map(unwrap, _texts(content))))


def _carries_results(content: Any) -> bool:
    if isinstance(content, str):
        return is_tool_result(content)
    if not isinstance(content, list):
        return False
    return any(
        is_tool_result(text) if isinstance(text := part.get("text"), str) else part.get("type") == "tool_result"
        for part in content
        if isinstance(part, dict)
    )
