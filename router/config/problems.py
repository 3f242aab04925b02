"""What can be wrong with a rules file, told so that it can be mended without reading this source."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Problem", "RulesError", "did_you_mean"]

Place = tuple[str | int, ...]
"""Where in the YAML: keys and indexes from the top, such as ("routes", 2, "when", "tokens")."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault or remark. `line` and `column` count from 1; 0 where the file cannot say."""

    message: str
    place: Place = ()
    hint: str | None = None
    severity: Literal["error", "warning"] = "error"
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.severity}: {self.message}{hint}"


class RulesError(Exception):
    """The rules cannot be used. `problems` holds at least one error; warnings may be among them."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean "tokens"?` when a known word is close, else None."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else None
