"""What is known of one backend: said in the YAML, read from a model list, or learned by asking the server.

The gates judge a candidate by these facts alone, so that `signalbox explain` judges without a network exactly as the
running server does with one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MODALITIES", "Facts"]

MODALITIES = ("text", "image", "audio", "file")


@dataclass(slots=True)
class Facts:
    """Mutable: a probe or a loaded model file fills in what the YAML leaves open."""

    name: str
    kind: str
    accepts: frozenset[str] = frozenset({"text"})
    """Modalities of the input, of MODALITIES."""
    context: int | None = None
    """Tokens of prompt and answer together; None when nobody said."""
    max_output: int | None = None
    """Most tokens of an answer; None when nobody said."""
    tools: bool = True
    json: bool = True
    """Honours a JSON schema in `response_format`."""
    private: bool = False
    """What is sent there stays on this machine, or in a place its owner vouches for."""
    free: bool = False
    """Asking it costs nothing but electricity; what has no known price is not free."""
    endpoints: frozenset[str] | None = None
    """Canonical paths it can serve (`/v1/chat/completions`); None: any."""
    up: bool | None = None
    """None: not asked yet."""
    fault: str | None = None
    """Why it is down, in one sentence."""
    model: str | None = None
    """The name that is sent to it; None: the client's own."""
    models: tuple[str, ...] = ()
    """Names the server itself lists."""
    notes: tuple[str, ...] = field(default=())
    """Remarks for `check` and the banner, such as a deprecation date."""
