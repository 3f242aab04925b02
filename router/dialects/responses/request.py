"""A Responses body, read into a prompt.

Fields that only OpenAI's own service knows (`store`, `service_tier`, `prompt_cache_key`, `include`, `client_metadata`,
`text.verbosity`, …) stay here: strict servers refuse what they do not know. Fields that Responses does not have go on
as they are, as clients add them for the server behind: `top_k`, `seed`, `chat_template_kwargs`.
"""

from __future__ import annotations

from typing import Any

from router.dialects.contract import Unreadable
from router.dialects.neutral import Prompt, Text, Turn
from router.dialects.responses import fields
from router.dialects.responses.choice import chosen
from router.dialects.responses.items import CARRIERS, Items
from router.dialects.responses.tools import Toolbox

__all__ = ["Given", "items_of", "prompt_of", "refuse", "toolbox"]

Given = list[tuple[str, dict[str, Any]]]
"""Items of a conversation, each with its place in the body."""

_OWN = frozenset({
    "model", "input", "instructions", "previous_response_id", "conversation", "prompt", "background", "store",
    "stream", "stream_options", "include", "tools", "tool_choice", "parallel_tool_calls", "max_tool_calls",
    "max_output_tokens", "temperature", "top_p", "top_logprobs", "text", "reasoning", "metadata",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "service_tier", "safety_identifier",
    "truncation", "client_metadata", "context_management", "moderation",
})  # fmt: skip
"""Fields of Responses that are read here, or concern OpenAI's service."""
_FOREIGN = frozenset({
    "messages", "functions", "function_call", "max_tokens", "max_completion_tokens", "response_format",
    "reasoning_effort", "n", "stop", "logprobs", "modalities", "audio", "prediction", "verbosity",
    "web_search_options",
})  # fmt: skip
"""Fields of chat completions that a Responses body must not slip in: others of it say the same."""
_KEPT_BACK = _OWN | _FOREIGN


def refuse(data: dict[str, Any]) -> None:
    """Raise Unreadable for what needs a server that keeps things for its clients."""
    if fields.boolean(data, "background"):
        message = "`background` cannot be had here: the answer comes on this connection; send false or leave it out"
        raise Unreadable(message, param="background", code="unsupported_parameter")
    for name, instead in (
        ("conversation", "send the conversation's items in `input`"),
        ("prompt", "send its text in `instructions` and `input`"),
    ):
        if data.get(name) is not None:
            message = f"`{name}` names what is kept at OpenAI, and is not known here: {instead}"
            raise Unreadable(message, param=name, code="unsupported_parameter")


def items_of(data: dict[str, Any]) -> Given:
    """`input` as items. Raises Unreadable."""
    given = data.get("input")
    if isinstance(given, str):
        return [("input", {"type": "message", "role": "user", "content": given})]
    if given is None:
        raise Unreadable("`input` is missing; it must be a text or a list of items", param="input")
    if not isinstance(given, list):
        raise fields.wrong(given, "input", "a text or a list of items")
    return fields.items(data, "input")


def toolbox(data: dict[str, Any], items: Given) -> Toolbox:
    """The tools of the body and of its items. Raises Unreadable."""
    offered = fields.items(data, "tools")
    for place, item in items:
        if item.get("type") in CARRIERS:
            offered += fields.items(item, "tools", place)
    return Toolbox(offered)


def prompt_of(data: dict[str, Any], items: Given, box: Toolbox) -> tuple[Prompt, tuple[str, ...]]:
    """The prompt, and the types of the items that were passed over. Raises Unreadable."""
    reader = Items(box)
    for place, item in items:
        reader.read(item, place)
    turns = reader.turns.all()
    if instructions := fields.text(data, "instructions"):
        turns = (Turn("system", (Text(instructions),)), *turns)
    if not turns:
        raise Unreadable("`input` holds nothing to answer", param="input")
    tools, tool_choice = chosen(data, box)
    parallel = fields.boolean(data, "parallel_tool_calls")
    reasoning = fields.mapping(data, "reasoning") or {}
    prompt = Prompt(
        model=fields.text(data, "model") or "",
        turns=turns,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=parallel if tools else None,
        stream=fields.boolean(data, "stream") or False,
        max_tokens=fields.whole_number(data, "max_output_tokens", 1),
        temperature=fields.number(data, "temperature"),
        top_p=fields.number(data, "top_p"),
        response_format=_response_format(data),
        reasoning_effort=fields.text(reasoning, "effort", "reasoning"),
        other={name: value for name, value in data.items() if name not in _KEPT_BACK and value is not None},
    )
    return prompt, tuple(reader.left_out)


def _response_format(data: dict[str, Any]) -> dict[str, Any] | None:
    form = fields.mapping(fields.mapping(data, "text") or {}, "format", "text") or {}
    place = "text.format"
    kind = fields.choice(form, "type", ("text", "json_object", "json_schema"), place)
    if kind != "json_schema":
        return {"type": kind} if kind == "json_object" else None
    schema: dict[str, Any] = {"name": fields.required(form, "name", place)}
    if (description := fields.text(form, "description", place)) is not None:
        schema["description"] = description
    schema["schema"] = fields.mapping(form, "schema", place)
    if schema["schema"] is None:
        raise Unreadable("`text.format.schema` is missing; it must be an object", param="text.format.schema")
    if (strict := fields.boolean(form, "strict", place)) is not None:
        schema["strict"] = strict
    return {"type": kind, "json_schema": schema}
