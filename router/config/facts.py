"""What is known of one backend: said in the YAML, read from a model list, or learned by asking the server.

The gates judge a candidate by these facts alone, so that `signalbox explain` judges without a network exactly as the
running server does with one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from router.telemetry.load import Load

__all__ = ["CHAT", "MODALITIES", "TRANSLATED", "Facts", "Shut"]

MODALITIES = ("text", "image", "audio", "file")
CHAT = "/v1/chat/completions"
TRANSLATED = frozenset({"/v1/responses", "/v1/messages", "/v1/messages/count_tokens"})
"""Paths that whoever serves CHAT can be asked for as well."""


class Shut(Protocol):
    """A circuit breaker that is not closed."""

    def why(self) -> str | None:
        """Why the next request may not pass, in words; None where it may: one at a time, to try the backend."""

    def look_again(self) -> None:
        """The server was gone and is there again: do not wait any longer before it is tried."""


@dataclass(slots=True)
class Facts:
    """Mutable: a probe or a loaded model file fills in what the YAML leaves open."""

    name: str
    kind: str
    accepts: frozenset[str] = frozenset({"text"})
    """Modalities of the input, of MODALITIES."""
    context: int | None = None
    """Tokens of prompt and answer together; None when nobody said."""
    states_input: bool = False
    """`context` is a limit of the prompt alone, as clouds state it."""
    max_output: int | None = None
    """Most tokens of an answer; None when nobody said."""
    tools: bool = True
    json: bool = True
    """Honours a JSON schema in `response_format`."""
    private: bool = False
    """What is sent there stays on this machine, or in a place its owner vouches for."""
    free: bool = False
    """Asking it costs nothing but electricity; what has no known price is not free."""
    endpoints: frozenset[str] | None = None
    """Canonical paths it can serve (`/v1/chat/completions`); None: any."""
    dialects: frozenset[str] = frozenset()
    """Paths of dialects beside chat completions (`/v1/messages`, `/v1/responses`) whose requests it takes as they are;
    those of the others are translated for it."""
    plain_dialects: frozenset[str] = frozenset()
    """The same, of a server that was asked: it answers there, but need not know all that clients send."""
    up: bool | None = None
    """None: not asked yet."""
    fault: str | None = None
    """Why it is down, in one sentence."""
    shut: Shut | None = None
    """Its circuit breaker, while requests have failed too often."""
    model: str | None = None
    """The name that is sent to it; None: the client's own."""
    models: tuple[str, ...] = ()
    """Names the server itself lists."""
    server: str | None = None
    """The program that serves, as far as it is recognised: `llama.cpp`, `ollama`, `vllm`, `lm-studio`, `tofy`,
    `signalbox`."""
    slots: int | None = None
    """Requests that the server says it works on at once; None where it does not say."""
    loaded: bool | None = None
    """Whether the server says that the model is in its memory: where not, the first answer takes longer."""
    trained: int | None = None
    """Tokens that the server says the model could have as its context, however it is loaded."""
    load: Load | None = None
    """How busy and how fast it is, of one that runs; None where none does, as in `signalbox check`."""
    notes: tuple[str, ...] = field(default=())
    """Remarks for `check` and the banner, such as a deprecation date."""

    def serves(self, path: str) -> bool:
        """Whether a request on this path can be answered there, be it translated."""
        endpoints = self.endpoints
        return endpoints is None or path in endpoints or (path in TRANSLATED and CHAT in endpoints)
