"""The account of one answer: tokens and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from router.telemetry.work import Work

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Of one answer, over all that was said for it. It travels as JSON in the answer's last frame."""

    prompt_tokens: int = 0
    """Positions read before the answer, those of a prefix included."""
    cached_tokens: int = 0
    """Those of them that were computed for another answer already."""
    completion_tokens: int = 0
    prompt_seconds: float = 0.0
    seconds: float = 0.0
    reason: str = "stop"
    """Why the last speech ended: `stop` or `length`."""

    def usage(self) -> dict[str, Any]:
        """In OpenAI's shape."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }

    def work(self) -> Work:
        """As the metrics count it. The first token comes out of the prompt, so it is none of the generation's."""
        computed, drawn = self.prompt_tokens - self.cached_tokens, max(0, self.completion_tokens - 1)
        return Work(computed, self.prompt_seconds, self.cached_tokens, drawn, self.seconds)

    def line(self, name: str) -> str:
        """Speed and tokens, in the words that a Tofy server logs them with."""
        computed = self.prompt_tokens - self.cached_tokens
        # The first token comes out of the prompt; its time is not the generation's.
        prompt, generation = _rate(computed, self.prompt_seconds), _rate(self.completion_tokens - 1, self.seconds)
        cached = f", {self.cached_tokens} of them cached" if self.cached_tokens else ""
        return (
            f"{name}: Prompt: {prompt:.1f} t/s | Generation: {generation:.1f} t/s"
            f" ({self.prompt_tokens} tokens in{cached}, {self.completion_tokens} out)"
        )


def _rate(tokens: int, seconds: float) -> float:
    return tokens / seconds if tokens > 0 and seconds > 0 else 0.0
