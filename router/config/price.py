"""What a model's tokens cost, as the YAML or LiteLLM's list of models says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Price", "listed_price"]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token. None: the part costs what the rest of its whole costs."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
    audio_input: float | None = None
    audio_output: float | None = None
    image_input: float | None = None
    above: tuple[tuple[int, Price], ...] = ()
    """(tokens of input, price of all tokens when there are more), the highest first."""


_LISTED = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
    "audio_input": "input_cost_per_audio_token",
    "audio_output": "output_cost_per_audio_token",
    "image_input": "input_cost_per_image_token",
}
"""Our words and the list's: https://docs.litellm.ai/docs/completion/token_usage tells what it holds."""
_ABOVE = re.compile(r"input_cost_per_token_above_(\d{1,4})k_tokens\Z")


def listed_price(said: Mapping[str, Any]) -> Price | None:
    """The price of an entry of LiteLLM's list; None where it has none per token, and where it says 0, as it does of
    what is billed otherwise and of servers at home. Batch, flex and priority rates are left out."""
    if not _number(said.get("input_cost_per_token")) and not _number(said.get("output_cost_per_token")):
        return None
    thresholds = sorted({int(match[1]) for key in said if (match := _ABOVE.match(key))}, reverse=True)
    base = _at(said, "")
    above = tuple((1000 * each, _at(said, f"_above_{each}k_tokens")) for each in thresholds)
    return Price(**base, above=tuple((tokens, Price(**{**base, **parts})) for tokens, parts in above))


def _at(said: Mapping[str, Any], suffix: str) -> dict[str, Any]:
    found = {ours: _number(said.get(theirs + suffix)) for ours, theirs in _LISTED.items()}
    known = {name: value for name, value in found.items() if value is not None}
    return known if suffix else {"input": 0.0, "output": 0.0, **known}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
