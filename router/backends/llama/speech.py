"""One answer that is asked of a crowd: what is to be read before it, and who hears it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from router.backends.contract import BackendError
from router.backends.llama.request import Sampling

__all__ = ["GREEDY", "Speech"]

GREEDY = Sampling(temperature=0.0)
"""Always the likeliest token."""


class Speech:
    """Made by any thread and said once; its callbacks are called in the crowd's thread, which waits for them."""

    __slots__ = (
        "cached",
        "cancelled",
        "done",
        "heard",
        "limit",
        "prefix",
        "prefix_bytes",
        "prompt",
        "prompt_seconds",
        "sampling",
        "seconds",
        "take",
        "tokens",
    )

    def __init__(
        self,
        prompt: list[int],
        *,
        limit: int,
        prefix: npt.NDArray[np.float32] | None = None,
        sampling: Sampling = GREEDY,
        take: Callable[[int], bool],
        done: Callable[[str | BackendError], None],
    ):
        """`prefix`, [k, width of the model], is read at positions 0 to k-1, then the tokens of `prompt`.

        `take(token)` is called for each token drawn that is not an end token: False ends the speech. `done(reason)`
        is called exactly once: "stop", "length" (after `limit` tokens, or with the context full), or what went wrong.
        """
        self.prompt = prompt
        self.limit = limit
        self.prefix = None if prefix is None else np.ascontiguousarray(prefix, np.float32)
        self.prefix_bytes = b"" if self.prefix is None else self.prefix.tobytes()
        """By which equal prefixes are known."""
        self.sampling = sampling
        self.take = take
        self.done = done
        self.heard: Callable[[], None] | None = None
        """The crowd's: called by `cancel`."""
        self.cancelled = False
        self.cached = 0
        """Positions at its beginning, prefix included, that were computed for another speech already."""
        self.tokens = 0
        """Given to `take`."""
        self.prompt_seconds = 0.0
        """From when it found a sequence until its first token was drawn."""
        self.seconds = 0.0
        """From its first token to its end."""

    def __len__(self) -> int:
        """Positions before the first token drawn."""
        return len(self.prompt) + (0 if self.prefix is None else len(self.prefix))

    def cancel(self) -> None:
        """Any thread: nobody listens any more. It leaves the batch before the next step; `done` tells it as broken."""
        self.cancelled = True
        if self.heard is not None:
            self.heard()
