"""Usage objects as providers tell them, in shape and words, with the tokens that they mean.

The shapes follow the providers' API references (OpenAI chat completions and Responses, Anthropic Messages, DeepSeek,
Gemini's OpenAI compatibility, llama.cpp's server); the counts are made up.
"""

from __future__ import annotations

from typing import Any

from router.telemetry.record import Tokens

__all__ = ["USAGES"]

USAGES: dict[str, tuple[dict[str, Any], Tokens]] = {
    "openai": (
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 128, "audio_tokens": 0},
        },
        Tokens(input=2006, output=300, cached=1920, reasoning=128),
    ),
    "openai responses": (
        {
            "input_tokens": 328,
            "input_tokens_details": {"cached_tokens": 100},
            "output_tokens": 52,
            "output_tokens_details": {"reasoning_tokens": 20},
            "total_tokens": 380,
        },
        Tokens(input=328, output=52, cached=100, reasoning=20),
    ),
    "anthropic": (
        {
            "input_tokens": 21,
            "cache_creation_input_tokens": 188086,
            "cache_read_input_tokens": 1000,
            "output_tokens": 393,
        },
        Tokens(input=189107, output=393, cached=1000, cache_write=188086),
    ),
    "litellm of anthropic": (
        {
            "prompt_tokens": 1221,
            "completion_tokens": 393,
            "total_tokens": 1614,
            "prompt_tokens_details": {"cached_tokens": 1000, "cache_creation_tokens": 200},
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": 200,
        },
        Tokens(input=1221, output=393, cached=1000, cache_write=200),
    ),
    "deepseek": (
        {
            "prompt_tokens": 320,
            "completion_tokens": 90,
            "total_tokens": 410,
            "prompt_cache_hit_tokens": 256,
            "prompt_cache_miss_tokens": 64,
            "completion_tokens_details": {"reasoning_tokens": 60},
        },
        Tokens(input=320, output=90, cached=256, reasoning=60),
    ),
    "gemini": (
        {"prompt_tokens": 8, "completion_tokens": 9, "total_tokens": 549},
        Tokens(input=8, output=541, reasoning=532),
    ),
    "llama.cpp": (
        {
            "prompt_tokens": 40,
            "completion_tokens": 12,
            "total_tokens": 52,
            "prompt_tokens_details": {"cached_tokens": 39},
        },
        Tokens(input=40, output=12, cached=39),
    ),
    "an embedding": ({"prompt_tokens": 8, "total_tokens": 8}, Tokens(input=8)),
    "sound": (
        {
            "prompt_tokens": 130,
            "completion_tokens": 200,
            "total_tokens": 330,
            "prompt_tokens_details": {"audio_tokens": 100, "cached_tokens": 0, "text_tokens": 30},
            "completion_tokens_details": {"audio_tokens": 150, "text_tokens": 50},
        },
        Tokens(input=130, output=200, audio_input=100, audio_output=150),
    ),
}
