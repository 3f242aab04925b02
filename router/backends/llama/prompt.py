"""From messages to the text that a model was trained to continue: the chat template of its file."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from router.backends.llama.file import GgufError
from router.backends.llama.request import refuse

__all__ = ["ChatTemplate"]

PLAIN = (
    "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For a file without a template, mostly a model that was never taught to chat: a dialogue as a text would print it."""
PLAIN_STOPS = ("\nUser:", "\nSystem:")


class _Refused(Exception):
    """The template called `raise_exception`."""


class _Generation(Extension):
    """`{% generation %}` marks what a model is trained on; for a prompt it means nothing."""

    tags = {"generation"}  # noqa: RUF012  (declared by Jinja)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise(message: str) -> None:
    raise _Refused(message)


def _now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class ChatTemplate:
    """A compiled template. It comes with a file from anywhere, so it runs in Jinja's immutable sandbox.

    It sees what `transformers` gives templates: `messages`, `tools`, `add_generation_prompt`, `bos_token`,
    `eos_token`, `strftime_now`, `raise_exception`, a `tojson` that does not escape for HTML, and the request's
    `chat_template_kwargs`.
    """

    def __init__(self, source: str | None, bos: str, eos: str):
        """`source` None: the plain form of a dialogue. Raises GgufError for a source that is no Jinja."""
        self.stops = PLAIN_STOPS if source is None else ()
        """Texts that end an answer in this form."""
        source = PLAIN if source is None else source
        self.calls_are_tagged = "<tool_call>" in source
        """The model writes a tool call as JSON between `<tool_call>` and `</tool_call>`."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
        )
        environment.filters["tojson"] = _tojson
        environment.globals.update(
            raise_exception=_raise, strftime_now=_now, bos_token=bos, eos_token=eos, add_generation_prompt=True
        )
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise GgufError(f"has a chat template that is no Jinja: {error}") from None

    def render(self, data: dict[str, Any]) -> str:
        """The prompt for a chat request. Raises BackendError("refused") when the template does not take it."""
        messages = data.get("messages")
        if not isinstance(messages, list) or not messages:
            raise refuse('"messages" must be a list of at least one message')
        extra = data.get("chat_template_kwargs")
        fields = dict(extra) if isinstance(extra, dict) else {}
        tools = data.get("tools") if data.get("tool_choice") != "none" else None
        fields["messages"] = [_message(message, at) for at, message in enumerate(messages)]
        fields["tools"] = tools if isinstance(tools, list) and tools else None
        try:
            return self._template.render(fields)
        except _Refused as error:
            raise refuse(f"the model's chat template refuses this conversation: {str(error)[:300]}") from None
        except RecursionError:
            raise refuse("the messages are nested too deeply") from None
        except (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            # A template is somebody's program: it may stumble over a message in any of these ways.
            raise refuse(f"the model's chat template cannot write this conversation: {str(error)[:300]}") from None


def _message(message: Any, at: int) -> dict[str, Any]:
    """One message as templates expect it: text for content, `developer` as `system`, arguments as objects."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise refuse(f'"messages[{at}]" must be an object with a "role"')
    shaped = {**message, "content": _content(message.get("content"), at)}
    if message["role"] == "developer":
        shaped["role"] = "system"
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        shaped["tool_calls"] = [_tool_call(call) for call in calls]
    else:
        shaped.pop("tool_calls", None)
    return shaped


def _content(content: Any, at: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise refuse(f'"messages[{at}].content" must be a text or a list of parts')
    return "".join(_texts(content, at))


def _texts(parts: Sequence[Any], at: int) -> list[str]:
    texts = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise refuse(f'"messages[{at}]" holds a part of type {str(kind)[:40]}: this model reads text only')
        texts.append(text)
    return texts


def _tool_call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        return call
    return {**call, "function": {**function, "arguments": arguments}}
