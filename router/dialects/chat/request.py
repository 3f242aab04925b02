"""A prompt as the body of a chat completion.

Written for the many servers that speak nothing else, small ones among them: the system prompt in one message where it
can be, `max_tokens` under its old name, results of tools as text right behind the calls, and their pictures in a user
message after them, as OpenCode, Pi and Cline send them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from router.dialects.neutral import (
    Audio,
    File,
    Image,
    Part,
    Prompt,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)

__all__ = ["chat_body"]

Message = dict[str, Any]

ATTACHED = "Attached from the tool result:"
"""Before what a tool returned that is no text, in the user message that carries it."""


def chat_body(prompt: Prompt) -> dict[str, Any]:
    """The fields of `/v1/chat/completions`; those of which the prompt says nothing are absent."""
    body: dict[str, Any] = {**prompt.other, "model": prompt.model, "messages": _messages(prompt.turns)}
    said: dict[str, Any] = {
        "stream": prompt.stream or None,
        "max_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "stop": list(prompt.stop) or None,
        "response_format": prompt.response_format,
        "reasoning_effort": prompt.reasoning_effort,
    }
    if prompt.tools:
        said["tools"] = [_tool(tool) for tool in prompt.tools]
        said["tool_choice"] = _choice(prompt.tool_choice)
        said["parallel_tool_calls"] = prompt.parallel_tool_calls
    body.update((name, value) for name, value in said.items() if value is not None)
    return body


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: str | None) -> str | dict[str, Any] | None:
    if choice is None or not choice.startswith("="):
        return choice
    return {"type": "function", "function": {"name": choice[1:]}}


def _messages(turns: Sequence[Turn]) -> list[Message]:
    """What one side says in several turns on end is one message: templates of small models take no other."""
    latest = max((at for at, turn in enumerate(turns) if _asks(turn)), default=-1)
    messages: list[Message] = []
    at = 0
    for side, group in groupby(turns, key=_side):
        said = list(group)
        if side == "system":
            messages.append({"role": "system", "content": "\n\n".join(_texts(turn.parts) for turn in said)})
        elif side == "assistant":
            messages.append(_assistant([part for turn in said for part in turn.parts], thinks=at > latest))
        else:
            for turn in said:
                messages += _user(turn)
        at += len(said)
    return messages


def _side(turn: Turn) -> str:
    return "system" if turn.role in ("system", "developer") else turn.role


def _asks(turn: Turn) -> bool:
    """A user turn after which what was thought before is of no use any more. One that brings results goes on with the
    loop, whatever else it says: clients of Messages put their reminders beside the results."""
    return turn.role == "user" and not any(isinstance(part, ToolResult) for part in turn.parts)


def _assistant(parts: Sequence[Part], thinks: bool) -> Message:
    message: Message = {"role": "assistant", "content": _texts(parts) or None}
    thoughts = "".join(part.text for part in parts if isinstance(part, Thinking))
    if thoughts and thinks:
        message["reasoning_content"] = thoughts
    calls = [part for part in parts if isinstance(part, ToolCall)]
    if calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    elif message["content"] is None:
        message["content"] = ""
    return message


def _user(turn: Turn) -> Iterator[Message]:
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    attached: list[Message] = []
    for result in results:
        yield {"role": "tool", "tool_call_id": result.id, "content": _result(result)}
        more = [_part(part) for part in result.parts if not isinstance(part, Text)]
        if more:
            attached += [{"type": "text", "text": ATTACHED}, *more]
    own = [part for part in turn.parts if not isinstance(part, ToolResult)]
    if attached:
        yield {"role": "user", "content": [*attached, *map(_part, own)]}
    elif own or not results:
        named: Message = {"name": turn.name} if turn.name else {}
        yield {"role": "user", **named, "content": _content(own)}


def _result(result: ToolResult) -> str:
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    if result.failed and not text.lower().startswith("error"):
        return f"Error: {text}" if text else "Error"
    if not text and any(not isinstance(part, Text) for part in result.parts):
        return "(attached below)"
    return text


def _content(parts: Sequence[Part]) -> str | list[Message]:
    if all(isinstance(part, Text) for part in parts) and len(parts) <= 1:
        return _texts(parts)
    return [_part(part) for part in parts]


def _part(part: Part) -> Message:
    match part:
        case Text(text) | Thinking(text):
            return {"type": "text", "text": text}
        case Image(url, detail):
            return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}
        case Audio(data, format):
            return {"type": "input_audio", "input_audio": {"data": data, "format": format}}
        case File(data, id, name):
            said = {"file_data": data, "file_id": id, "filename": name}
            return {"type": "file", "file": {name: value for name, value in said.items() if value is not None}}
        case ToolCall() | ToolResult():
            raise TypeError("calls and results are no content of a message")


def _texts(parts: Sequence[Part]) -> str:
    return "\n\n".join(part.text for part in parts if isinstance(part, Text))
