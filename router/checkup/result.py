"""What a check has found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from router.telemetry.text import printable

__all__ = ["Result", "State", "clean", "failure", "fine", "skipped", "warning"]

State = Literal["ok", "warning", "failure", "skipped"]

LONGEST = 400
"""Characters of a detail: a server may answer with a page."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the doctor's, and the line under it."""

    title: str
    state: State
    detail: str
    """What was seen."""
    fix: str | None = None
    """What to do about it, where possible as a command; each failure has one."""
    milliseconds: float | None = None
    """What it took, where that tells something."""


def fine(title: str, detail: str, milliseconds: float | None = None) -> Result:
    """As it should be."""
    return Result(title, "ok", detail, None, milliseconds)


def warning(title: str, detail: str, fix: str | None = None, milliseconds: float | None = None) -> Result:
    """It works, and not as well as it could."""
    return Result(title, "warning", detail, fix, milliseconds)


def failure(title: str, detail: str, fix: str, milliseconds: float | None = None) -> Result:
    """It does not work."""
    return Result(title, "failure", detail, fix, milliseconds)


def skipped(title: str, why: str) -> Result:
    """It was not looked at."""
    return Result(title, "skipped", why)


def clean(result: Result, secrets: Iterable[str]) -> Result:
    """On one line, of bounded length, without a secret, and without what a terminal would obey."""
    return dataclasses.replace(
        result, detail=_clean(result.detail, secrets), fix=_clean(result.fix, secrets) if result.fix else None
    )


def _clean(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    text = printable(" ".join(text.split()))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
