"""What a model in this process has computed: speeds are what Prometheus divides out of these."""

from __future__ import annotations

from dataclasses import astuple, dataclass

__all__ = ["Work"]


@dataclass(slots=True)
class Work:
    """Sums over answers, those that were given up included as far as they came."""

    prompt_tokens: float = 0.0
    """Computed for prompts; what the KV cache still held is not among them."""
    prompt_seconds: float = 0.0
    reused_tokens: float = 0.0
    """Of prompts, that the KV cache still held."""
    generated_tokens: float = 0.0
    generation_seconds: float = 0.0
    load_seconds: float = 0.0
    """What loading took the last time; not a sum."""

    def add(self, more: Work) -> None:
        """One answer's."""
        self.prompt_tokens += more.prompt_tokens
        self.prompt_seconds += more.prompt_seconds
        self.reused_tokens += more.reused_tokens
        self.generated_tokens += more.generated_tokens
        self.generation_seconds += more.generation_seconds

    def take(self) -> tuple[float, ...]:
        """The sums since they were last taken, in the order above."""
        *sums, _ = astuple(self)
        self.prompt_tokens = self.prompt_seconds = self.reused_tokens = 0.0
        self.generated_tokens = self.generation_seconds = 0.0
        return tuple(sums)
