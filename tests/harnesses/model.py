"""What a model would say to the few requests of these runs, so that a client's whole way can be followed.

No prompt holds the answer to it: a codeword has to be spelled backwards, it may stand in a file that only a tool of the
client can read, and the size of a picture is in the picture alone. So an answer that a client prints has been all the
way, and a picture has arrived whose size is told.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.harnesses.picture import size_of

__all__ = ["Call", "Text", "prompt", "reply"]

PROMPTS = {
    "chat": "The codeword is {word}. Answer with the codeword spelled backwards and nothing else.",
    "tools": "Read the file {note} with a tool. Answer with the codeword in it, spelled backwards, and nothing else.",
    "image": "How many pixels wide and high is this picture? Answer as WIDTHxHEIGHT and nothing else.",
}
_CHAT = re.compile(r"codeword is (\w+)\. Answer with")
_TOOLS = re.compile(r"Read the file (\S+) with a tool")
_IMAGE = re.compile(r"How many pixels wide")
_IN_FILE = re.compile(r"codeword is (\w+)")
SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""mini-swe-agent ends when a command prints this; what follows is its answer."""

READERS = (
    "read_note", "read", "read_file", "read_files", "Read", "bash", "Bash", "exec_command", "run_commands",
    "run_shell_command", "shell", "terminal", "ipython",
)  # fmt: skip
"""Tools that read a file, as clients name them; the first that is offered is called."""


@dataclass(frozen=True)
class Text:
    """Said to the user."""

    text: str


@dataclass(frozen=True)
class Call:
    """A tool that the client is to run."""

    name: str
    arguments: dict[str, Any]


def prompt(task: str, word: str, note: str) -> str:
    """What the user types."""
    return PROMPTS[task].format(word=word, note=note)


def reply(asked: dict[str, Any]) -> Text | Call:
    """The answer to a body of chat completions."""
    messages: list[dict[str, Any]] = asked.get("messages") or []
    tools = {tool["function"]["name"]: tool["function"] for tool in asked.get("tools") or [] if "function" in tool}
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].get("role") != "user":
            continue
        text = _text(messages[at])
        if said := _CHAT.search(text):
            return _told(f"Backwards it is {said[1][::-1]}", text, messages, tools)
        if said := _TOOLS.search(text):
            return _read(said[1].strip("`'\""), messages[at + 1 :], messages, tools)
        if _IMAGE.search(text):
            return _told(_sizes(messages), text, messages, tools)
    return Text("I was asked for nothing that I know.")


def _read(path: str, since: list[dict[str, Any]], messages: list[dict[str, Any]], tools: dict[str, Any]) -> Text | Call:
    """What was read since it was asked for, else a call of a tool that reads."""
    for message in since:
        if message.get("role") in ("tool", "user") and (found := _IN_FILE.search(_text(message))):
            return _told(f"In the file, backwards, it is {found[1][::-1]}", "", messages, tools)
    if any(message.get("role") == "tool" for message in since):
        return _told("The tool did not show me the file.", "", messages, tools)
    for name in READERS:
        if name in tools:
            return Call(name, _filled(tools[name].get("parameters") or {}, path))
    return Text(f"None of these tools reads files: {', '.join(tools) or 'there is none'}.")


def _told(answer: str, text: str, messages: list[dict[str, Any]], tools: dict[str, Any]) -> Text | Call:
    """In the way that the client wants answers: some have a tool for them."""
    if "final_answer" in tools:
        return Call("final_answer", {"answer": answer})
    if set(tools) == {"bash"} and any(SUBMIT in _text(message) for message in messages):
        return Call("bash", {"command": f"echo {SUBMIT} && echo '{answer}'"})
    return Text(answer)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or [] if isinstance(part, dict))


def _sizes(messages: list[dict[str, Any]]) -> str:
    """Of the last picture, as it is in the request."""
    urls = [url for message in messages for url in _pictures(message)]
    if not urls:
        return "I see no picture."
    try:
        width, height = size_of(base64.b64decode(urls[-1].partition("base64,")[2], validate=True))
    except (ValueError, binascii.Error) as error:
        return f"I cannot read that picture: {error}."
    return f"It is {width}x{height}"


def _pictures(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and part.get("type") == "image_url":
            url = part["image_url"]
            yield url if isinstance(url, str) else url["url"]


def _filled(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """Arguments that this schema wants, so that the file is shown."""
    known = schema.get("properties") or {}
    wanted = list(schema.get("required") or ()) or list(known)[:1]
    return {name: _value(name, known.get(name) or {}, path) for name in wanted}


def _value(name: str, schema: dict[str, Any], path: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [_value(name, schema.get("items") or {}, path)]
    if kind == "object":
        return _filled(schema, path)
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        return 1
    if re.search(r"path|file", name, re.IGNORECASE):
        return path
    return f"cat {path}" if re.search(r"command|cmd|code", name) else "read the note"


def spoken(call: Call) -> dict[str, Any]:
    """The call as chat completions have it."""
    return {
        "id": "call_read1",
        "type": "function",
        "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
    }
