"""A body of Messages, read.

What a chat completion has no place for is left out: `cache_control`, `metadata` (it names the user to Anthropic),
`service_tier` (Anthropic's words for its own queues), `container`, `mcp_servers`, `context_management` and whatever
else only Anthropic's servers do. `thinking.py` says what becomes of `thinking` and `output_config.effort`.
"""

from __future__ import annotations

from typing import Any

from router.dialects.messages.blocks import parts_of
from router.dialects.messages.field import as_json, fields, flag, number, objects, text, whole_number, wrong
from router.dialects.messages.thinking import effort_of
from router.dialects.messages.tools import choice_of, tools_of
from router.dialects.neutral import Part, Prompt, Role, Text, Turn

__all__ = ["read"]

BILLING = "x-anthropic-billing-header:"
"""Claude Code's system prompt begins with such a line, which differs with each request. It is meant for Anthropic's
servers; left there, nothing after it would ever be found in a backend's prompt cache."""

REMINDER = "<system-reminder>\n%s\n</system-reminder>"

_ROLES: dict[Any, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def read(data: dict[str, Any]) -> Prompt:
    """Raises Unreadable, and nothing else."""
    tools = tools_of(data.get("tools"))
    choice, parallel = choice_of(data.get("tool_choice"), tools)
    limit = whole_number(data.get("max_tokens"), "max_tokens")
    top_k = whole_number(data.get("top_k"), "top_k")
    model = data.get("model")
    if model is not None and not isinstance(model, str):
        raise wrong("model", "must be a text")
    return Prompt(
        model=model or "",
        turns=_turns(data),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        stream=flag(data.get("stream"), "stream") or False,
        # 0 asks Anthropic to fill its cache and say nothing. With 1 a backend fills its own.
        max_tokens=1 if limit == 0 else limit,
        temperature=number(data.get("temperature"), "temperature", 2),
        top_p=number(data.get("top_p"), "top_p", 1),
        stop=_stops(data.get("stop_sequences")),
        response_format=_format(data),
        reasoning_effort=effort_of(data),
        other={} if top_k is None else {"top_k": top_k},
    )


def _system(value: Any) -> list[Turn]:
    if value is None or value == "":
        return []
    parts = [_unbilled(part) if isinstance(part, Text) else part for part in parts_of(value, "system", "system")]
    kept = tuple(part for part in parts if part != Text(""))
    return [Turn("system", kept)] if kept else []


def _unbilled(part: Text) -> Text:
    return Text(part.text.partition("\n")[2]) if part.text.startswith(BILLING) else part


def _turns(data: dict[str, Any]) -> tuple[Turn, ...]:
    """One turn for all messages that follow each other from the same side, as Anthropic combines them, and one system
    prompt, at the beginning."""
    messages = objects(data.get("messages"), "messages")
    last = max((at for at, each in enumerate(messages) if each.get("role") == "user"), default=-1)
    said: list[tuple[Role, list[Part]]] = [(turn.role, [*turn.parts]) for turn in _system(data.get("system"))]
    for at, each in enumerate(messages):
        turn = _turn(each, f"messages[{at}]")
        if turn.role == "system":
            if turn.parts == (Text(""),) or (at < last and each.get("clear_at") == "next_user_message"):
                continue
            if said and said[-1][0] != "system":
                turn = _reminder(turn)
        if said and said[-1][0] == turn.role:
            said[-1][1].extend(turn.parts)
        else:
            said.append((turn.role, [*turn.parts]))
    if all(role == "system" for role, _ in said):
        raise wrong("messages", "must hold at least one message of the user or the assistant")
    return tuple(Turn(role, tuple(parts)) for role, parts in said)


def _reminder(turn: Turn) -> Turn:
    """A system message among the others, told by the user in the wrapper that clients of this API put around what is
    not the user's own: many chat templates refuse a system prompt that does not stand at the beginning."""
    return Turn("user", tuple(Text(REMINDER % part.text) for part in turn.parts if isinstance(part, Text)))


def _turn(message: dict[str, Any], where: str) -> Turn:
    """A turn of which nothing is left says "": many chat templates want user and assistant to alternate."""
    said = message.get("role")
    role = _ROLES.get(said) if isinstance(said, str) else None
    if role is None:
        raise wrong(f"{where}.role", "must be user, assistant or system")
    return Turn(role, parts_of(message.get("content"), role, f"{where}.content") or (Text(""),))


def _stops(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise wrong("stop_sequences", "must be a list")
    return tuple(text(each, f"stop_sequences[{at}]") for at, each in enumerate(value))


def _format(data: dict[str, Any]) -> dict[str, Any] | None:
    """Not `strict`: OpenAI would refuse schemas with optional properties, which Anthropic takes, and local servers hold
    an answer to its schema in any case."""
    where, asked = "output_config.format", fields(data.get("output_config"), "output_config").get("format")
    if asked is None:
        where, asked = "output_format", data.get("output_format")
    asked = fields(asked, where)
    if not asked:
        return None
    schema = asked.get("schema")
    if asked.get("type") != "json_schema" or not isinstance(schema, dict):
        raise wrong(where, "must be of type json_schema, with a schema")
    as_json(schema, where)
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
