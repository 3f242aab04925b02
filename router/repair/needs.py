"""What is known against a backend: how a chat completion must look so that it is taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from router.config.repair import System, TokensField

__all__ = ["DROPPABLE", "NOTHING", "Needs", "all_of", "dropping"]

# fmt: off
DROPPABLE = frozenset((
    # how the answer is drawn
    "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "seed",
    "logit_bias", "logprobs", "top_logprobs",
    # how much is thought and said
    "reasoning_effort", "reasoning", "thinking", "enable_thinking", "include_reasoning", "verbosity",
    "parallel_tool_calls", "prediction", "chat_template_kwargs",
    # who asks, what is stored, cached and billed
    "store", "metadata", "client_metadata", "user", "safety_identifier", "service_tier", "include", "cache_control",
    "prompt_cache_key", "prompt_cache_retention", "stream_options",
    # parts of tools and messages
    "tools[].strict", "tools[].cache_control", "messages[].name", "messages[].reasoning_content",
    "messages[].reasoning", "messages[].reasoning_details", "messages[].provider_specific_fields",
    "messages[].cache_control",
))
# fmt: on
"""What an error of a backend may have dropped: nothing that says what is asked, or in which form it is answered."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Nothing by default. The later of two stands above the earlier (`a | b`)."""

    developer: bool = False
    """Takes no role `developer`."""
    system: System = "any"
    """As `config.repair.Repair` has it."""
    alternate: bool = False
    """Users and assistants must take turns."""
    plain: bool = False
    """Takes `content` as a text only, not as a list of parts."""
    filled: bool = False
    """Takes no `content` that is null or missing."""
    tokens_field: TokensField | None = None
    """The only field in which it takes the length of the answer."""
    most: int | None = None
    """Tokens of the longest answer that may be asked for."""
    fits: bool = False
    """Refuses an answer that could be longer than what the prompt leaves of the context."""
    drop: frozenset[str] = frozenset()
    """Fields it refuses: `store`, `tools[].strict`, `messages[].name`."""

    def __or__(self, other: Needs) -> Needs:
        most = [each for each in (self.most, other.most) if each is not None]
        return Needs(
            self.developer or other.developer,
            other.system if other.system != "any" else self.system,
            self.alternate or other.alternate,
            self.plain or other.plain,
            self.filled or other.filled,
            other.tokens_field or self.tokens_field,
            min(most, default=None),
            self.fits or other.fits,
            self.drop | other.drop,
        )

    def inside(self, field: str) -> tuple[str, ...]:
        """Keys to be dropped from what stands in the list `tools` or `messages`, sorted."""
        start = f"{field}[]."
        return tuple(sorted(each.removeprefix(start) for each in self.drop if each.startswith(start)))

    @property
    def reads_messages(self) -> bool:
        """Must the messages be looked at?"""
        known = self.developer or self.system != "any" or self.alternate or self.plain or self.filled
        return known or any(each.startswith("messages[]") for each in self.drop)

    def without_messages(self) -> Needs:
        """What of it holds where there are none: plain completions."""
        return replace(NOTHING, most=self.most, fits=self.fits, drop=self.drop)


NOTHING = Needs()


def dropping(*fields: str) -> Needs:
    """Refuses these."""
    return Needs(drop=frozenset(fields))


def all_of(several: Iterable[Needs]) -> Needs:
    """Together."""
    known = NOTHING
    for each in several:
        known |= each
    return known
