"""LiteLLM's list of models: context, what they accept, and when they are retired.

The list is a JSON file inside the installed package. It is read as a file: importing LiteLLM takes seconds and asks
the network for a newer list.
"""

from __future__ import annotations

import datetime
import functools
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from router.config.backend import LitellmBackend
from router.config.price import Price, listed_price
from router.config.problems import Problem, did_you_mean

__all__ = ["Entry", "list_file", "lookup", "names", "newest", "remark"]

_FILE = "model_prices_and_context_window_backup.json"

NOTICE = datetime.timedelta(days=60)
"""How long before its retirement a model is remarked on."""

# fmt: off
_ANY_NAME = frozenset((
    "azure", "azure_ai", "baseten", "custom_openai", "docker_model_runner", "hosted_vllm", "huggingface",
    "lemonade", "litellm_proxy", "llamafile", "lm_studio", "nvidia_nim", "oobabooga", "ollama", "ollama_chat",
    "openai_like", "openrouter", "petals", "predibase", "replicate", "sagemaker", "text-completion-openai",
    "together_ai", "triton", "vllm", "xinference",
))
# fmt: on
"""Providers whose model names are the user's own, or too many for the list: an unknown one is not remarked on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. Counts are tokens; None where the list says nothing."""

    name: str
    provider: str
    mode: str
    """`chat`, `responses`, `completion`, `embedding`, `audio_transcription`, … as LiteLLM has it."""
    context: int | None
    max_output: int | None
    accepts: frozenset[str]
    tools: bool | None
    json: bool | None
    retired: datetime.date | None
    """The day on which the provider switches it off."""
    price: Price | None


def list_file() -> Path | None:
    """The file in the installed package; None without LiteLLM."""
    spec = importlib.util.find_spec("litellm")
    return Path(spec.origin).parent / _FILE if spec is not None and spec.origin else None


@functools.cache
def _entries() -> dict[str, Entry]:
    """All models, kept in a tenth of the memory of the whole list; empty when there is no list to read."""
    file = list_file()
    if file is None or not file.is_file():
        return {}
    raw: dict[str, dict[str, Any]] = orjson.loads(file.read_bytes())
    return {name: _entry(name, said) for name, said in raw.items() if name != "sample_spec"}


_MODALITIES = {
    "image": ("supports_vision", "supports_image_input", "supports_embedding_image_input"),
    "audio": ("supports_audio_input",),
    "file": ("supports_pdf_input",),
}


@functools.lru_cache(maxsize=64)
def _interned(accepts: frozenset[str]) -> frozenset[str]:
    return accepts


def _entry(name: str, said: dict[str, Any]) -> Entry:
    mode = str(said.get("mode") or "chat")
    listed = set(said.get("supported_modalities") or ())
    accepts = {m for m, flags in _MODALITIES.items() if m in listed or any(said.get(flag) for flag in flags)}
    accepts.add("audio" if mode == "audio_transcription" else "text")
    some_ability = any(key.startswith("supports_") for key in said)
    return Entry(
        name=name,
        provider=str(said.get("litellm_provider") or ""),
        mode=mode,
        context=_tokens(said.get("max_input_tokens")) or _tokens(said.get("max_tokens")),
        max_output=_tokens(said.get("max_output_tokens")),
        accepts=_interned(frozenset(accepts)),
        # Absent among other abilities means no for tools. A missing `supports_response_schema` means nothing: it is
        # lacking where the provider is known to take schemas.
        tools=bool(said.get("supports_function_calling")) if some_ability else None,
        json=said.get("supports_response_schema"),
        retired=_date(said.get("deprecation_date")),
        price=listed_price(said),
    )


def _tokens(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


def _date(value: Any) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def names() -> Iterable[str]:
    """Every name in the list."""
    return _entries().keys()


def lookup(model: str) -> Entry | None:
    """What the list says of `provider/model` or `model`, as a LiteLLM backend names it."""
    entries = _entries()
    if (entry := entries.get(model)) is not None:
        return entry
    provider, slash, rest = model.partition("/")
    entry = entries.get(rest) if slash else None
    # `openai/gpt-x` is listed as `gpt-x`; the provider must agree, or another's model of that name would answer.
    return entry if entry is not None and _same(entry.provider, provider) else None


def _same(listed: str, asked: str) -> bool:
    return listed == asked or listed.startswith((f"{asked}_", f"{asked}-")) or asked.startswith(f"{listed}_")


def newest(candidates: Iterable[str], today: datetime.date | None = None) -> Entry | None:
    """The first of `candidates`, in order of preference, that the list knows and that is not about to be retired."""
    day = (today or datetime.date.today()) + NOTICE
    for name in candidates:
        entry = lookup(name)
        if entry is not None and (entry.retired is None or entry.retired > day):
            return entry
    return None


def remark(name: str, spec: LitellmBackend, today: datetime.date | None = None) -> Problem | None:
    """A warning when the model of backend `name` is unknown, retired, or retired within 60 days."""
    place = ("backends", name, "model")
    entry = lookup(spec.model)
    if entry is not None:
        return _retirement(entry, spec.model, today or datetime.date.today(), place)
    provider, slash, _ = spec.model.partition("/")
    if provider in _ANY_NAME or spec.api_base or not _entries():
        return None
    near = [known for known in names() if known.startswith(f"{provider}/")] if slash else list(names())
    near += [f"{provider}/{entry.name}" for entry in _entries().values() if slash and _same(entry.provider, provider)]
    hint = did_you_mean(spec.model, near) or "it is tried as it stands; context and modalities count as unknown"
    return Problem(f"LiteLLM's list has no model `{spec.model}`", place, hint, "warning")


def _retirement(entry: Entry, model: str, today: datetime.date, place: tuple[str, ...]) -> Problem | None:
    if entry.retired is None or entry.retired > today + NOTICE:
        return None
    if entry.retired <= today:
        message = f"`{model}` was retired by its provider on {entry.retired}"
    else:
        message = (
            f"`{model}` will be retired by its provider on {entry.retired}, in {(entry.retired - today).days} days"
        )
    return Problem(message, place, "choose a newer model", "warning")
