"""What is known of a backend before it is asked: the YAML first, then LiteLLM's list, then what its kind implies."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from router.config import catalogue
from router.config.backend import Backend, GgufBackend, HttpBackend, LitellmBackend, WorldBackend
from router.config.facts import Facts
from router.config.provider import server_of

__all__ = [
    "YARD",
    "all_facts",
    "facts",
    "is_elsewhere",
    "is_free",
    "is_loopback",
    "is_loopback_host",
    "is_private",
    "shown",
]

YARD = "switch-yard"
"""What the model of the embedded yard is called in metrics and headers."""

_CHAT = frozenset({"/v1/chat/completions", "/v1/completions"})
_FILLS = frozenset({"/v1/completion", "/v1/fim/completions", "/v1/infill"})
_EMBEDDINGS = frozenset({"/v1/embeddings"})
_BY_MODE = {
    "chat": _CHAT,
    "responses": _CHAT,
    "completion": _CHAT | _FILLS,
    "embedding": _EMBEDDINGS,
}


_DIALECTS = {"api.openai.com": frozenset({"/v1/responses"}), "api.anthropic.com": frozenset({"/v1/messages"})}
"""What clouds speak beside chat completions, by their host."""
_SERVED = {
    "whisper.cpp": frozenset({"/v1/audio/transcriptions", "/v1/audio/translations"}),
    "piper": frozenset({"/v1/audio/speech"}),
}


def all_facts(backends: dict[str, Backend]) -> dict[str, Facts]:
    """`facts` for each backend of a rules file, by name."""
    return {name: facts(name, spec) for name, spec in backends.items()}


def facts(name: str, spec: Backend) -> Facts:
    """What the gates know without a network. The backend fills in the rest as it learns it."""
    if isinstance(spec, LitellmBackend):
        return _of_litellm(name, spec)
    known = _said(name, spec)
    if isinstance(spec, HttpBackend):
        known.dialects = _dialects(spec)
        if spec.serves in _SERVED:
            known.endpoints = _SERVED[spec.serves]
            if spec.serves == "whisper.cpp" and spec.accepts is None:
                known.accepts = frozenset({"audio"})
    if isinstance(spec, GgufBackend):
        known.context = spec.context or spec.n_ctx or None
        known.endpoints = _EMBEDDINGS if spec.embeddings else _CHAT | _FILLS
        known.model = Path(spec.path).stem
    if isinstance(spec, WorldBackend):
        known.endpoints = _CHAT
        known.model = Path(spec.checkpoint).stem if spec.checkpoint is not None else YARD
        # Only the last user message is read: a long history or many tools are no reason to refuse a request.
        known.context = spec.context
        known.json = spec.json_schema and "json_schema" in spec.model_fields_set
    return known


def _said(name: str, spec: Backend) -> Facts:
    return Facts(
        name=name,
        kind=spec.kind,
        accepts=frozenset(spec.accepts) if spec.accepts is not None else frozenset({"text"}),
        context=spec.context,
        max_output=spec.max_output,
        tools=spec.tools,
        json=spec.json_schema,
        private=is_private(spec),
        free=is_free(spec),
        model=None if isinstance(spec, GgufBackend | WorldBackend) else spec.model,
    )


def _dialects(spec: HttpBackend) -> frozenset[str]:
    if spec.dialects is not None:
        return frozenset(f"/v1/{dialect}" for dialect in spec.dialects)
    return _DIALECTS.get(server_of(spec)[0], frozenset())


def _of_litellm(name: str, spec: LitellmBackend) -> Facts:
    known = _said(name, spec)
    known.endpoints = _CHAT | _EMBEDDINGS
    if (remark := catalogue.remark(name, spec)) is not None:
        known.notes = (remark.message,)
    entry = catalogue.lookup(spec.model)
    if entry is None:
        return known
    known.context = spec.context or entry.context
    known.states_input = spec.context is None and entry.context is not None
    known.max_output = spec.max_output or entry.max_output
    known.endpoints = _BY_MODE.get(entry.mode, known.endpoints)
    if spec.accepts is None:
        known.accepts = entry.accepts
    if "tools" not in spec.model_fields_set and entry.tools is not None:
        known.tools = entry.tools
    if "json_schema" not in spec.model_fields_set and entry.json is not None:
        known.json = entry.json
    return known


def is_private(spec: Backend) -> bool:
    """Whether what is sent there stays here: as the YAML says, else in process and on loopback addresses."""
    if spec.private is not None:
        return spec.private
    if isinstance(spec, HttpBackend):
        return is_loopback(spec.url) and not is_elsewhere(spec.model or "")
    return isinstance(spec, GgufBackend | WorldBackend)


def is_elsewhere(model: str) -> bool:
    """It is answered in Ollama's cloud, though the Ollama that is asked for it is here: `qwen3-coder:480b-cloud`."""
    return model.endswith(("-cloud", ":cloud"))


def is_free(spec: Backend) -> bool:
    """Whether nobody sends a bill: in process, with a price of 0, and where only electricity is paid."""
    if spec.price is not None:
        return spec.price == 0 or not any(spec.price.model_dump(exclude_none=True).values())
    return spec.power is not None or isinstance(spec, GgufBackend | WorldBackend)


def is_loopback(url: str) -> bool:
    """Whether the host of a URL is this machine by its very name; no name is looked up."""
    try:
        return is_loopback_host(urlsplit(url).hostname or "")
    except ValueError:
        return False


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address is this machine by its very name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """A URL as it may be printed: without a query, and without what in its path is long enough to be a key."""
    parts = urlsplit(url)
    path = "/".join(part if len(part) < 16 else "…" for part in parts.path.split("/"))
    return f"{parts.scheme}://{parts.netloc}{path}"
