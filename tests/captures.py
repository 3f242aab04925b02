"""Requests recorded from real clients. Their texts belong to others: they lie beside the project, never in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["folder", "needed"]


def folder() -> Path | None:
    """$SIGNALBOX_CAPTURES, else `shared/captures` beside the checkout; None where there are none."""
    place = Path(os.environ.get("SIGNALBOX_CAPTURES") or Path(__file__).parents[2] / "shared" / "captures")
    return place if (place / "INDEX.jsonl").is_file() else None


def needed() -> Path:
    """The folder; the test is skipped without it, in CI too: the texts belong to others, and are not published."""
    place = folder()
    if place is None:
        pytest.skip("no recorded requests at hand: SIGNALBOX_CAPTURES names their folder")
    return place
