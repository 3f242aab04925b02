"""What the Signalbox at an address says of itself: the names it offers, their context, and who takes images."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from router.clients.contract import Model

__all__ = ["MOST", "Served", "ask"]

PATIENCE = 3.0
"""Seconds."""
MOST = 50
"""Models that are written into a configuration."""


@dataclass(frozen=True, slots=True)
class Served:
    """`models` is empty where nobody answered, or no model list came; `fault` says why."""

    models: tuple[Model, ...] = ()
    fault: str | None = None
    locked: bool = False
    """It wants a key, or another one."""


def ask(root: str, key: str | None) -> Served:
    """GET /v1/models. Never raises."""
    request = urllib.request.Request(f"{root}/v1/models")
    if key:
        request.add_unredirected_header("Authorization", f"Bearer {key}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            data = json.loads(answer.read(4_000_000))["data"]
        return Served(tuple(_model(entry) for entry in data[:MOST]))
    except urllib.error.HTTPError as error:
        return Served(fault=f"{root} answers with {error.code}", locked=error.code in (401, 403))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Served(fault=f"nobody answers at {root} ({getattr(error, 'reason', None) or error})")
    except (KeyError, TypeError, AttributeError, RecursionError):
        return Served(fault=f"what answers at {root} has no list of models")


def _model(entry: dict[str, Any]) -> Model:
    """A server that does not say what it takes may take images: it refuses by itself what it cannot."""
    takes = entry.get("input_modalities")
    return Model(
        str(entry["id"]),
        _size(entry.get("context_length")) or _size(entry.get("max_model_len")),
        _size(entry.get("max_output_tokens")),
        images="image" in takes if isinstance(takes, list) else True,
    )


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
