"""Everything the rules can ask about one request. Each signal is worked out when first asked for, and only then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from router.request.content import Conversation, dialect_of
from router.request.envelope import Envelope
from router.request.harness import HARNESSES, name_of
from router.request.language import language_of
from router.request.prefix import prefixes
from router.request.spent import UNSPENT, Spent
from router.request.task import TASKS, task_of
from router.request.tokens import prompt_tokens

__all__ = ["HARNESSES", "NAMES", "TASKS", "Purse", "Signals", "names_session"]

NAMES = (
    "model", "path", "dialect", "header", "harness", "key", "task", "image", "audio", "file", "tools", "tool_loop",
    "tokens", "max_tokens", "turns", "stream", "json", "language", "text", "system", "time", "backend",
    "budget",
)  # fmt: skip
"""The signals that can stand in `when:`."""

SEED = 2048
"""Characters of the system prompt, and of the first user turn, that name a session which its client does not name."""
LONGEST_SESSION = 128

_SESSION_HEADERS = (
    b"x-session-id",
    b"session-id",
    b"session_id",
    b"x-session-affinity",
    b"x-openwebui-chat-id",
    b"x-claude-code-session-id",
)
Purse = Callable[[str | None], Spent]
_JSON_FORMATS = ("json_schema", "json_object")


class Signals:
    """The signals of one request, as attributes. No request, however wrong its types, makes one of them raise.

    A slot is empty until its signal is asked for: then Python calls `__getattr__`, once; later the slot answers.
    """

    __slots__ = (
        *(name for name in NAMES if name != "header"),
        *("conversation", "envelope", "now", "prefixes", "purse", "session", "spent"),
    )

    envelope: Envelope
    now: datetime | None
    conversation: Conversation
    model: str
    """What the client calls the model; "" when absent."""
    path: str
    dialect: str
    """`openai`, `responses` or `anthropic`."""
    harness: str
    key: str | None
    task: str
    image: bool
    """A picture is really in the request, in any turn or tool result; words about one do not count."""
    audio: bool
    file: bool
    tools: tuple[str, ...]
    """Names of the tools offered, in order; a tool without a name counts by its type."""
    tool_loop: bool
    """The request ends with tool results."""
    tokens: int
    """Estimate of the whole prompt, tools and images included."""
    max_tokens: int | None
    turns: int
    """Number of real user turns."""
    stream: bool
    json: bool
    """JSON is asked for, by a schema or without one."""
    language: str
    text: str
    """The latest real user turn; what harnesses wrap around it is gone."""
    system: str
    time: datetime
    """Local time of the request."""
    backend: Mapping[str, Any]
    """What is known of each backend right now, by name (`config.facts.Facts`): given by who decides, as no request
    tells it; empty where nobody has."""
    session: str
    """Equal for all requests of one conversation, as far as the client lets it be known."""
    prefixes: tuple[bytes, ...]
    """Digests of the conversation's growing beginnings, shortest first."""
    budget: int
    """Per cent spent, of the budget of this request that is spent furthest; 0 without budgets."""
    spent: Spent

    def __init__(self, envelope: Envelope, now: datetime | None = None, purse: Purse | None = None):
        """`purse` tells what is spent of the budgets of a client key; None: there are none."""
        self.envelope = envelope
        self.now = now
        self.purse = purse

    def __getattr__(self, name: str) -> Any:
        compute = _COMPUTE.get(name)
        if compute is None:
            raise AttributeError(name)
        value = compute(self)
        setattr(self, name, value)
        return value

    def header(self, name: str) -> str | None:
        """The value of a request header, None when it is absent."""
        value = self.envelope.headers.get(name, "\0")
        return None if value == "\0" else value

    def as_dict(self) -> dict[str, Any]:
        """Every signal but `header` and `backend` under its name, as JSON has it: tools as a list, time in ISO 8601."""
        values = {name: getattr(self, name) for name in NAMES if name not in ("header", "backend")}
        values["tools"] = list(self.tools)
        values["time"] = self.time.isoformat(timespec="seconds")
        values["session"] = self.session
        return values


def _tools(signals: Signals) -> tuple[str, ...]:
    data = signals.envelope.data
    names: list[str] = []
    for key in ("tools", "functions"):
        if data.get(key):
            names += _names(data[key])
    if signals.dialect == "responses":
        for item in signals.conversation.items:
            if isinstance(item.raw, dict) and item.raw.get("type") == "additional_tools":
                names += _names(item.raw.get("tools"))
    return tuple(names)


def _names(tools: Any) -> Iterator[str]:
    """Names in order; a namespace gives its own name, then those of the tools in it."""
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        function = tool.get("function")
        name = function.get("name") if isinstance(function, dict) else tool.get("name")
        if not isinstance(name, str):
            name = tool.get("type")
        if isinstance(name, str):
            yield name
        inner = tool.get("tools")
        if isinstance(inner, list):
            yield from (part["name"] for part in inner if isinstance(part, dict) and isinstance(part.get("name"), str))


def _max_tokens(signals: Signals) -> int | None:
    data = signals.envelope.data
    for key in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        value = data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _wants_json(signals: Signals) -> bool:
    data = signals.envelope.data
    text, config = data.get("text"), data.get("output_config")
    formats = (
        data.get("response_format"),
        data.get("output_format"),
        text.get("format") if isinstance(text, dict) else None,
        config.get("format") if isinstance(config, dict) else None,
    )
    return any(isinstance(wanted, dict) and wanted.get("type") in _JSON_FORMATS for wanted in formats)


def names_session(envelope: Envelope) -> str | None:
    """The client's own name for its session, of bounded length; None when it has none."""
    if told := envelope.headers.first_of(_SESSION_HEADERS):
        return _short(told)
    metadata = envelope.data.get("metadata")
    for given in (
        envelope.data.get("prompt_cache_key"),
        metadata.get("user_id") if isinstance(metadata, dict) else None,
    ):
        if isinstance(given, str) and given:
            return _short(given)
    return None


def _session(signals: Signals) -> str:
    if (named := names_session(signals.envelope)) is not None:
        return named
    # The beginnings tell conversations apart as well as the whole, and cost a twentieth of it.
    system, first = signals.system, signals.conversation.first_text
    return _digest(f"{len(system)}\0{system[:SEED]}\0{len(first)}\0{first[:SEED]}")


def _short(name: str) -> str:
    """A client's own name for its session, of bounded length."""
    return name if len(name) <= LONGEST_SESSION else _digest(name)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _model(signals: Signals) -> str:
    model = signals.envelope.data.get("model")
    return model if isinstance(model, str) else ""


def _task(signals: Signals) -> str:
    get = signals.envelope.headers.get
    return task_of(
        signals.path,
        signals.envelope.data,
        signals.conversation,
        signals.tools,
        signals.harness,
        lambda name: get(name),
    )


_COMPUTE: dict[str, Callable[[Signals], Any]] = {
    "conversation": lambda signals: Conversation(signals.envelope.data),
    "model": _model,
    "path": lambda signals: signals.envelope.path,
    "dialect": lambda signals: dialect_of(signals.envelope.path),
    "harness": lambda signals: name_of(signals.envelope.headers.get, signals.system, signals.tools),
    "key": lambda signals: signals.envelope.key,
    "task": _task,
    "image": lambda signals: signals.conversation.media.images > 0,
    "audio": lambda signals: signals.conversation.media.audios > 0,
    "file": lambda signals: signals.conversation.media.files > 0,
    "tools": _tools,
    "tool_loop": lambda signals: signals.conversation.tool_loop,
    "tokens": lambda signals: prompt_tokens(signals.envelope.data, signals.conversation, signals.conversation.media),
    "max_tokens": _max_tokens,
    "turns": lambda signals: signals.conversation.turns,
    "stream": lambda signals: signals.envelope.data.get("stream") is True,
    "json": _wants_json,
    "language": lambda signals: language_of(signals.text),
    "text": lambda signals: signals.conversation.text,
    "system": lambda signals: signals.conversation.system,
    "time": lambda signals: signals.now or datetime.now(),
    "backend": lambda signals: {},
    "session": _session,
    "prefixes": lambda signals: prefixes(signals.envelope.data, signals.conversation),
    "spent": lambda signals: signals.purse(signals.key) if signals.purse is not None else UNSPENT,
    "budget": lambda signals: signals.spent.percent,
}
