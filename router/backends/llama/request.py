"""The fields of a completion request that llama.cpp is steered by, checked once."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from router.backends.contract import BackendError

__all__ = ["CompletionRequest", "Sampling", "read", "refuse"]

MOST_STOPS = 32
MOST_BIASES = 1024
MOST_LOGPROBS = 20
COMPLETION_TOKENS = 16
"""Where `/v1/completions` is told no `max_tokens`, as OpenAI has it; null is no limit there, and chat has none but the
context."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. What a request leaves open is as llama.cpp has it; temperature 0 is greedy."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0
    logit_bias: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One request for a text. `data` is the body as it came, for the prompt and the grammar."""

    data: dict[str, Any]
    chat: bool
    stream: bool
    include_usage: bool
    sampling: Sampling
    stops: tuple[str, ...]
    max_tokens: int | None
    """None: until the context is full."""
    logprobs: int | None
    """Alternatives to report beside each token; None: no log probabilities at all."""


def refuse(message: str, code: str | None = None) -> BackendError:
    """The error of a request that is at fault itself (status 400)."""
    return BackendError("refused", message, status=400, code=code)


def read(data: dict[str, Any], *, chat: bool, stream: bool) -> CompletionRequest:
    """The request in `data`, a body of `/v1/chat/completions` or `/v1/completions`. Raises BackendError("refused")."""
    for field in ("n", "best_of"):
        if data.get(field) not in (None, 1):
            raise refuse(f'"{field}" must be 1: this model gives one answer at a time')
    options = data.get("stream_options")
    limit = _integer(data, "max_completion_tokens", 1, None)
    if limit is None:
        limit = _integer(data, "max_tokens", 1 if chat else 0, None)
    return CompletionRequest(
        data=data,
        chat=chat,
        stream=stream,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        sampling=_sampling(data),
        stops=_stops(data.get("stop")),
        max_tokens=COMPLETION_TOKENS if not chat and limit is None and "max_tokens" not in data else limit,
        logprobs=_logprobs(data, chat),
    )


def _sampling(data: dict[str, Any]) -> Sampling:
    default = Sampling()
    seed = _integer(data, "seed", -(1 << 63), (1 << 64) - 1)
    return Sampling(
        temperature=_number(data, "temperature", 0.0, 100.0, default.temperature),
        top_k=_or(_integer(data, "top_k", -1, 1 << 30), default.top_k),
        top_p=_number(data, "top_p", 0.0, 1.0, default.top_p),
        min_p=_number(data, "min_p", 0.0, 1.0, default.min_p),
        repeat_penalty=_number(data, "repeat_penalty", 0.01, 100.0, default.repeat_penalty),
        repeat_last_n=_or(_integer(data, "repeat_last_n", 0, 4096), default.repeat_last_n),
        frequency_penalty=_number(data, "frequency_penalty", -100.0, 100.0, 0.0),
        presence_penalty=_number(data, "presence_penalty", -100.0, 100.0, 0.0),
        # llama.cpp takes 32 bits, and all of them set for "choose one": -1 asks for that.
        seed=random.getrandbits(31) if seed is None or seed == -1 else seed % 0xFFFFFFFF,
        logit_bias=_biases(data.get("logit_bias")),
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _number(data: dict[str, Any], field: str, low: float, high: float, default: float) -> float:
    value = data.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise refuse(f'"{field}" must be a number from {low:g} to {high:g}')
    return float(value)


def _integer(data: dict[str, Any], field: str, low: int, high: int | None) -> int | None:
    value = data.get(field)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        end = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise refuse(f'"{field}" must be a whole number {end}')
    return value


def _stops(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops) or len(stops) > MOST_STOPS:
        raise refuse(f'"stop" must be a text or a list of at most {MOST_STOPS} texts')
    return tuple(stop for stop in stops if stop)


def _biases(value: Any) -> tuple[tuple[int, float], ...]:
    if not value:
        return ()
    if not isinstance(value, dict) or len(value) > MOST_BIASES:
        raise refuse(f'"logit_bias" must be an object of at most {MOST_BIASES} token ids')
    try:
        return tuple((int(token), max(-1e9, min(1e9, float(bias)))) for token, bias in value.items())
    except (TypeError, ValueError, OverflowError):
        raise refuse('"logit_bias" must map token ids to numbers') from None


def _logprobs(data: dict[str, Any], chat: bool) -> int | None:
    if not chat:
        return _integer(data, "logprobs", 0, MOST_LOGPROBS)
    if data.get("logprobs") is not True:
        return None
    return _integer(data, "top_logprobs", 0, MOST_LOGPROBS) or 0
