"""How values are written in the YAML: durations, counts, and mappings in which no unknown word stands."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

__all__ = ["Count", "Duration", "Strict", "seconds", "word"]

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*$")
_UNITS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(value: Any) -> float:
    """`30`, `30s`, `500ms`, `5m`, `1h`, `2d` as seconds. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and (match := _DURATION.match(value)):
        number = float(match[1]) * _UNITS[match[2]]
    else:
        raise ValueError("a duration is a number of seconds or like 500ms, 30s, 5m, 1h, 2d")
    if number < 0:
        raise ValueError("a duration is not negative")
    return number


def _count(value: Any) -> Any:
    """`32768` or `32k` (1k = 1000) as a whole number; anything else is left for pydantic to refuse."""
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmM]?)\s*", value)):
        return int(float(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()])
    return value


def word(value: Any) -> Any:
    """A text, or a whole number as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# What an editor accepts: the written forms above, and a text with `${NAME}` whose value is only known later.
_VARIABLE = r"\$\{"
_DURATION_SCHEMA = {"type": ["number", "string"], "minimum": 0, "pattern": f"{_DURATION.pattern}|{_VARIABLE}"}
_COUNT_SCHEMA = {"type": ["integer", "string"], "minimum": 0, "pattern": rf"^\d+(\.\d+)?[kKmM]?$|{_VARIABLE}"}

Duration = Annotated[float, BeforeValidator(seconds), WithJsonSchema(_DURATION_SCHEMA)]
Count = Annotated[int, BeforeValidator(_count), Field(ge=0), WithJsonSchema(_COUNT_SCHEMA)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
