"""deploy/Dockerfile, taken apart."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["COPIED", "LINES", "ROOT", "TEXT", "said"]

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n\s*", "", (ROOT / "deploy" / "Dockerfile").read_text())
LINES = [line.split(None, 1) for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]


def said(word: str) -> list[str]:
    """What follows this instruction, each time it stands there."""
    return [rest for found, rest in LINES if found == word]


COPIED = [source for rest in said("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]]
"""What goes from the repository into the image."""
