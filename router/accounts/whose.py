"""Which entry of a table by aliases of client keys holds for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from router.routing.matches import Glob

__all__ = ["chosen"]

T = TypeVar("T")


def chosen(table: Mapping[str, T], key: str | None) -> T | None:
    """The one that names the alias; else the first with a `*` that fits. No key at all is the alias ""."""
    alias = key or ""
    found = table.get(alias)
    if found is not None:
        return found
    return next((entry for name, entry in table.items() if "*" in name and Glob(name).test(alias)), None)
