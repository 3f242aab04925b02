"""How many threads a model is computed with, where the rules do not say."""

from __future__ import annotations

import os

from router.backends.llama.model import Model

__all__ = ["cores", "threads"]

SMALL = 20_000_000
"""Parameters below which a second thread costs more at the meetings of the threads than it computes."""


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads(model: Model) -> tuple[int, int]:
    """For one token, and for a batch of several.

    One token is bound by memory: half the cores, since often two of them are one. A model as small as the one that
    ships is computed by one thread, which leaves the other cores to the event loop and to other models.
    """
    if int(model.lib.llama_model_n_params(model.handle)) < SMALL:
        return 1, 1
    return max(1, cores() // 2), cores()
