"""Msty: its local AI is Ollama, llama.cpp or MLX under another roof, on ports of its own.

It adds no page and no name to what they answer. What gives it away is where its models lie, in a folder of Msty's:
Ollama's `/api/show` tells the file in `modelfile` (`FROM /…/Msty…/blobs/sha256-…`), llama.cpp's `/props` in
`model_path`. With a folder that was moved elsewhere, or MLX, only the port speaks for it.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["PORTS", "keeps"]

PORTS = (10000, 11964, 11973)
"""Of Msty's first app, then of Msty Studio: Ollama and MLX."""

_FOLDER = re.compile(r"[/\\]\.?msty ?(studio|app)?[-\w]*[/\\]", re.IGNORECASE)


def keeps(answer: dict[str, Any]) -> bool:
    """Whether an answer of `/api/show` or `/props` tells of a model in a folder of Msty's."""
    told = (answer.get("modelfile"), answer.get("model_path"))
    return any(isinstance(text, str) and _FOLDER.search(text) is not None for text in told)
