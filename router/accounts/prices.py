"""What an answer cost: the price of a model, and the price of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from router.config import catalogue
from router.config.backend import Backend, HttpBackend, LitellmBackend
from router.config.backend import Price as Said
from router.config.known import is_private
from router.config.price import Price
from router.telemetry.record import Tokens

__all__ = ["FREE", "baseline_price", "price_at", "told_cost", "usd"]

FREE = Price(0.0, 0.0)
HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "xai",
    "api.together.xyz": "together_ai",
    "api.fireworks.ai": "fireworks_ai",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "api.moonshot.ai": "moonshot",
    "api.cohere.ai": "cohere",
}
"""Hosts of OpenAI-compatible APIs, and what LiteLLM's list calls who is there."""


def price_at(spec: Backend, model: str) -> Price | None:
    """Of a model at a backend: as the YAML says, else what nobody bills (in process), else the list's; None: not known.

    The list is asked for clouds only: a server at home that calls its model `gpt-4o` is not OpenAI's.
    """
    if spec.price is not None:
        return _said(spec.price)
    if isinstance(spec, LitellmBackend):
        entry = catalogue.lookup(spec.model)
    elif not isinstance(spec, HttpBackend):
        return FREE
    elif is_private(spec) or (provider := HOSTS.get(urlsplit(spec.url).hostname or "")) is None:
        return None
    else:
        entry = catalogue.lookup(f"{provider}/{model}")
    return entry.price if entry is not None else None


def told_cost(spec: Backend, usage: Mapping[str, Any]) -> float | None:
    """US dollars that the answer itself tells: OpenRouter does, in `usage.cost`; with a key of one's own that is its
    fee, beside what the provider takes (openrouter.ai/docs, usage accounting)."""
    if not _is_openrouter(spec) or (cost := _amount(usage.get("cost"))) is None:
        return None
    details = usage.get("cost_details")
    if usage.get("is_byok") and isinstance(details, dict):
        cost += _amount(details.get("upstream_inference_cost")) or 0.0
    return round(cost, 9)


def _is_openrouter(spec: Backend) -> bool:
    if isinstance(spec, LitellmBackend):
        return spec.model.startswith("openrouter/")
    return isinstance(spec, HttpBackend) and urlsplit(spec.url).hostname == "openrouter.ai"


def _amount(value: Any) -> float | None:
    return float(value) if value.__class__ in (int, float) and 0 <= value < 1e6 else None


def baseline_price(model: str) -> Price | None:
    """Of the model that `baseline` names."""
    entry = catalogue.lookup(model)
    return entry.price if entry is not None else None


def _said(said: Said | float) -> Price:
    """Per million tokens, as the YAML says it, to per token."""
    if not isinstance(said, Said):
        return FREE
    parts = {name: value / 1e6 for name, value in said.model_dump().items() if value is not None}
    return Price(**{"input": 0.0, "output": 0.0, **parts})


def usd(price: Price, tokens: Tokens) -> float:
    """US dollars, to the nano-dollar: so rounded, sums are the same wherever they are made."""
    for least, above in price.above:
        if tokens.input > least:
            price = above
            break
    cached, written = tokens.cached, tokens.cache_write
    audio_in, image, audio_out = tokens.audio_input, tokens.image_input, tokens.audio_output
    if not (cached or written or audio_in or image or audio_out or tokens.reasoning):
        return round(tokens.input * price.input + tokens.output * price.output, 9)
    heard = max(0, tokens.input - cached - written - audio_in - image)
    spoken = max(0, tokens.output - tokens.reasoning - audio_out)
    total = heard * price.input + spoken * price.output
    total += cached * _or(price.cached, price.input) + written * _or(price.cache_write, price.input)
    total += audio_in * _or(price.audio_input, price.input) + image * _or(price.image_input, price.input)
    total += tokens.reasoning * _or(price.reasoning, price.output) + audio_out * _or(price.audio_output, price.output)
    return round(total, 9)


def _or(part: float | None, whole: float) -> float:
    return whole if part is None else part
