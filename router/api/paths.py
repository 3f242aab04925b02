"""Which paths are doors, under each of the prefixes that clients put before them."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote

__all__ = ["JSON_DOORS", "UPLOADS", "canonical"]

JSON_DOORS = frozenset(
    "/v1/" + path
    for path in (
        "chat/completions",
        "completion",
        "completions",
        "fim/completions",
        "infill",
        "embeddings",
        "rerank",
        "responses",
        "messages",
        "messages/count_tokens",
        "audio/speech",
        "images/generations",
        "moderations",
    )
)
UPLOADS = frozenset(
    "/v1/" + path
    for path in ("audio/transcriptions", "audio/translations", "images/edits", "images/variations", "files")
)
"""Their bodies are forms with files: streamed through, not held in memory."""

_BARE = frozenset(path.split("/")[2] for path in JSON_DOORS | UPLOADS) | {"models"}
"""First words of the paths that are known without `/v1`."""


@lru_cache(maxsize=1024)
def canonical(path: str) -> str | None:
    """`/v1/…` for a path as clients write it (`/chat/completions`, `/v1/v1/messages`, `//v1/models/`); None for a
    path that is no door's. Percent escapes are resolved only to recognise a door; other paths keep theirs."""
    parts = [part for part in path.split("/") if part]
    while parts and parts[0] == "v1":
        parts.pop(0)
        versioned = True
        if not parts or parts[0] != "v1":
            break
    else:
        versioned = False
    if not parts or any(_climbs(part) for part in parts):
        return None
    if not versioned and parts[0] not in _BARE:
        return None
    return "/v1/" + "/".join(parts)


def _climbs(part: str) -> bool:
    """A backend that resolves escapes would leave its base path: `..`, and `..%2F..` in one part."""
    return any(step in (".", "..") for step in unquote(part).replace("\\", "/").split("/"))
