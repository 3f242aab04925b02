"""The content of one message, read into parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from router.dialects.contract import Unreadable
from router.dialects.messages.field import as_json, fields, flag, objects, text, wrong
from router.dialects.neutral import File, Image, Part, Role, Text, Thinking, ToolCall, ToolResult

__all__ = ["parts_of"]

Block = dict[str, Any]
Shown = Text | Image | File

_MEDIA = re.compile(r"[\w.+-]+/[\w.+-]+")
_DEEPEST = 8
"""Levels down to which the words of a block that only Anthropic's servers write are looked for."""
_WORDS = ("title", "url", "text", "stdout", "stderr", "content", "source", "data", "tool_name")
"""Where such blocks have what a model can read. What is encrypted has other names."""
_LEFT_OUT = frozenset(
    {
        *("redacted_thinking", "container_upload", "fallback", "tool_addition", "tool_removal"),
        *("server_tool_use", "mcp_tool_use", "mcp_tool_listing"),
    }
)
"""Without a word that another model could read, or calls of what only Anthropic's servers can call."""


def parts_of(content: Any, role: Role, where: str) -> tuple[Part, ...]:
    """`content` is a text or a list of blocks.

    Of blocks that this version does not know the words are kept; one without words is left out of what the assistant
    said, and refused where the user shows it: an answer to what was not seen would be a lie. Raises Unreadable.
    """
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple(
        part for at, block in enumerate(objects(content, where)) for part in _parts(block, role, f"{where}[{at}]")
    )


def _parts(block: Block, role: Role, where: str) -> Iterator[Part]:
    kind = block.get("type")
    if not isinstance(kind, str):
        raise wrong(f"{where}.type", "must be a text")
    if kind in _LEFT_OUT:
        return
    if kind in _OF_ASSISTANT:
        _only("assistant", role, kind, where)
        yield from _OF_ASSISTANT[kind](block, where)
    elif kind == "tool_result":
        _only("user", role, kind, where)
        yield _tool_result(block, where)
    elif kind in _SHOWN:
        if kind in ("image", "document"):
            _only("user", role, kind, where)
        yield from _SHOWN[kind](block, where)
    else:
        yield from _words_of(block, role, where)


def _only(whose: Role, role: Role, kind: str, where: str) -> None:
    if role != whose:
        raise Unreadable(f"`{where}` of type {kind} stands only in messages of the {whose}", param=where)


def _words_of(block: Block, role: Role, where: str) -> Iterator[Text]:
    said = "\n".join(_words(block))
    if said:
        yield Text(said)
    elif role == "user":
        raise Unreadable(f"`{where}` is of type {block['type'][:40]}, which no chat completion can show", param=where)


def _words(block: Block) -> Iterator[str]:
    level: list[Any] = [block]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for each in level:
            for value in [each.get(key) for key in _WORDS]:
                if isinstance(value, str) and value:
                    yield value
                elif isinstance(value, dict):
                    below.append(value)
                elif isinstance(value, list):
                    below += [one for one in value if isinstance(one, dict)]
        level = below


def _text(block: Block, where: str) -> Iterator[Text]:
    said = block.get("text")
    if not isinstance(said, str):
        raise wrong(f"{where}.text", "must be a text")
    yield Text(said)


def _thinking(block: Block, where: str) -> Iterator[Thinking]:
    """Whoever signed it: what this proxy signs, and what Anthropic's models thought before."""
    thought = block.get("thinking")
    if isinstance(thought, str) and thought:
        yield Thinking(thought)


def _tool_use(block: Block, where: str) -> Iterator[ToolCall]:
    given = as_json(fields(block.get("input"), f"{where}.input"), f"{where}.input")
    yield ToolCall(text(block.get("id"), f"{where}.id"), text(block.get("name"), f"{where}.name"), given)


def _tool_result(block: Block, where: str) -> ToolResult:
    content = block.get("content")
    parts: tuple[Shown, ...] = ()
    if isinstance(content, str):
        parts = (Text(content),) if content else ()
    else:
        listed = objects(content, f"{where}.content")
        parts = tuple(part for at, each in enumerate(listed) for part in _result(each, f"{where}.content[{at}]"))
    failed = flag(block.get("is_error"), f"{where}.is_error") or False
    return ToolResult(text(block.get("tool_use_id"), f"{where}.tool_use_id"), parts, failed)


def _result(block: Block, where: str) -> Iterator[Shown]:
    """What a tool gives back is data: a block that is not known goes as its JSON."""
    kind = block.get("type")
    if isinstance(kind, str) and kind in _SHOWN:
        yield from _SHOWN[kind](block, where)
    else:
        yield Text(as_json({name: value for name, value in block.items() if name != "cache_control"}, where))


def _image(block: Block, where: str) -> Iterator[Image]:
    source = fields(block.get("source"), f"{where}.source")
    if source.get("type") == "url":
        yield Image(text(source.get("url"), f"{where}.source.url"))
    else:
        yield Image(_data_url(source, f"{where}.source"))


def _document(block: Block, where: str) -> Iterator[Shown]:
    source = fields(block.get("source"), f"{where}.source")
    title, about = block.get("title"), block.get("context")
    named = title if isinstance(title, str) and title else None
    head = [each for each in (named, about) if isinstance(each, str) and each]
    if source.get("type") == "text":
        yield Text("\n\n".join([*head, text(source.get("data"), f"{where}.source.data")]))
    elif source.get("type") == "content":
        yield from (Text(each) for each in head)
        yield from _inside(source.get("content"), f"{where}.source.content")
    elif source.get("type") == "url":
        raise Unreadable(f"`{where}` names a document by its address: send its content, in base64", param=where)
    else:
        if isinstance(about, str) and about:
            yield Text(about)
        yield File(_data_url(source, f"{where}.source"), name=named)


def _inside(content: Any, where: str) -> Iterator[Shown]:
    """Texts and images of a document."""
    if isinstance(content, str):
        yield Text(content)
        return
    for at, block in enumerate(objects(content, where)):
        if block.get("type") not in ("text", "image"):
            raise wrong(f"{where}[{at}].type", "must be text or image")
        yield from _SHOWN[block["type"]](block, f"{where}[{at}]")


def _data_url(source: Block, where: str) -> str:
    if source.get("type") == "file":
        raise Unreadable(f"`{where}` is a file kept at Anthropic: send its content, in base64", param=where)
    if source.get("type") != "base64":
        raise wrong(f"{where}.type", "must be one of base64, url, text, content")
    media = source.get("media_type")
    if not isinstance(media, str) or not _MEDIA.fullmatch(media):
        raise wrong(f"{where}.media_type", "must be a media type such as image/png")
    return f"data:{media};base64,{text(source.get('data'), f'{where}.data')}"


def _search_result(block: Block, where: str) -> Iterator[Text]:
    said = [each for each in (block.get("title"), block.get("source")) if isinstance(each, str) and each]
    for at, each in enumerate(objects(block.get("content"), f"{where}.content")):
        said += [part.text for part in _text(each, f"{where}.content[{at}]")]
    yield Text("\n".join(said))


def _tool_reference(block: Block, where: str) -> Iterator[Text]:
    yield Text(text(block.get("tool_name"), f"{where}.tool_name"))


_OF_ASSISTANT: dict[str, Callable[[Block, str], Iterator[Thinking | ToolCall]]] = {
    "thinking": _thinking,
    "tool_use": _tool_use,
}
_SHOWN: dict[str, Callable[[Block, str], Iterator[Shown]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
}
