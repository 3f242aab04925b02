"""Golden vectors of Tofy's. They lie beside the project, never in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from router.world.model import WorldModel

__all__ = ["cases", "folder", "model"]


def folder() -> Path | None:
    """$SIGNALBOX_TOFY_GOLDEN, else `shared/tofy/golden` beside the checkout; None where there are none."""
    beside = Path(__file__).parents[3] / "shared" / "tofy" / "golden"
    place = Path(os.environ.get("SIGNALBOX_TOFY_GOLDEN") or beside)
    return place if (place / "cases.json").is_file() else None


def model() -> WorldModel:
    """The golden checkpoint, loaded; the test is skipped without it."""
    place, told = _needed()
    files = place / "model_world.safetensors", place / "vocab_world.txt"
    return WorldModel.load(*files, heads=told["num_heads"], max_seq=told["max_seq"])


def cases() -> list[dict[str, Any]]:
    """Prompts with all that follows from them; the test is skipped without them."""
    return list(_needed()[1]["cases"])


def _needed() -> tuple[Path, dict[str, Any]]:
    """Skips the test without them, in CI too: they are another project's files, and not ours to publish."""
    place = folder()
    if place is None:
        pytest.skip("no golden vectors at hand: SIGNALBOX_TOFY_GOLDEN names their folder")
    return place, json.loads((place / "cases.json").read_text("utf-8"))
