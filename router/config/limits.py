"""What the YAML may say of limits, budgets and the guard: how much, in what time, and of whose requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

__all__ = [
    "PERIODS",
    "Budget",
    "Budgets",
    "Guard",
    "Limits",
    "MaybeGuard",
    "Period",
    "Quota",
    "Rate",
    "RouteQuota",
    "rate",
]

Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SCALE = {"": 1, "k": 1000, "m": 1_000_000}
_RATE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kKmM]?)\s*/\s*([smhd])\s*$")
_PERCENT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*%?\s*$")
_VARIABLE = r"\$\{"


@dataclass(frozen=True, slots=True)
class Rate:
    """So much in any stretch of so many seconds."""

    amount: float
    seconds: float

    def __str__(self) -> str:
        unit = next(name for name, seconds in _UNITS.items() if seconds == self.seconds)
        return f"{self.amount:g}/{unit}"


def rate(value: Any) -> Rate:
    """`60/m`, `100k/h`, `2.5/d`. Raises ValueError."""
    if isinstance(value, Rate):
        return value
    match = _RATE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a rate is a number by s, m, h or d: 5/s, 60/m, 100k/h, 1000/d")
    amount = float(match[1]) * _SCALE[match[2].lower()]
    if amount <= 0:
        raise ValueError("a rate is more than 0")
    return Rate(amount, _UNITS[match[3]])


def _counted(value: Any) -> tuple[Rate, ...]:
    rates = tuple(map(rate, value if isinstance(value, list | tuple) else [value]))
    if not rates or any(each.amount != int(each.amount) for each in rates):
        raise ValueError("this rate counts in whole numbers: 60/m, 100k/h")
    return rates


def _percent(value: Any) -> Any:
    match = _PERCENT.match(value) if isinstance(value, str) else None
    return float(match[1]) if match else value


_RATE_SCHEMA: dict[str, Any] = {"type": "string", "pattern": rf"{_RATE.pattern}|{_VARIABLE}"}
_RATES_SCHEMA = {"anyOf": [_RATE_SCHEMA, {"type": "array", "items": _RATE_SCHEMA, "minItems": 1}]}
_PERCENT_SCHEMA = {"type": ["number", "string"], "minimum": 0, "pattern": f"{_PERCENT.pattern}|{_VARIABLE}"}

Rates = Annotated[tuple[Rate, ...], BeforeValidator(_counted), WithJsonSchema(_RATES_SCHEMA)]
Percent = Annotated[float, BeforeValidator(_percent), Field(gt=0, le=100), WithJsonSchema(_PERCENT_SCHEMA)]
Usd = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Quota(_Strict):
    """How much may be asked in what time; more is refused with status 429 and the time to wait."""

    requests: Rates | None = Field(None, description="requests in a time, as 60/m; a list for several times")
    tokens: Rates | None = Field(None, description="tokens of prompts and answers in a time, as 100k/m")
    parallel: Annotated[int, Field(ge=1)] | None = Field(None, description="requests at once")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.requests is None and self.tokens is None and self.parallel is None:
            raise ValueError("limits name at least one of requests, tokens, parallel")
        return self


class RouteQuota(Quota):
    """Limits of a route."""

    per: Literal["route", "key"] = Field(
        "route", description="whose requests are counted together: all that take the route, or those of each client key"
    )


class Limits(_Strict):
    """Limits whatever the route."""

    total: Quota | None = Field(None, description="of all requests together")
    keys: dict[str, Quota] = Field(
        default_factory=dict,
        description="of each client key, by its alias; `*` stands for any text, each key that fits counts for itself",
    )


class Budget(_Strict):
    """US dollars in the calendar's day, week (from Monday) and month, in local time."""

    day: Usd | None = Field(None, description="US dollars a day")
    week: Usd | None = Field(None, description="US dollars a week, from Monday")
    month: Usd | None = Field(None, description="US dollars a calendar month")
    soft: Percent | None = Field(
        None, description="per cent from which on a route's backends that cost nothing are asked first; default: none"
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.day is None and self.week is None and self.month is None:
            raise ValueError("a budget names at least one of day, week, month")
        return self


class Budgets(_Strict):
    """When one is spent, only backends that cost nothing are asked."""

    total: Budget | None = Field(None, description="for all requests together")
    keys: dict[str, Budget] = Field(
        default_factory=dict,
        description="for each client key, by its alias; `*` stands for any text, each key that fits has its own",
    )


class Guard(_Strict):
    """Against clients that went wild: bounds of each session, and a brake on a turn that fails over and over."""

    repeats: Annotated[int, Field(ge=1)] = Field(
        8, description="how often the same turn may fail, one right after the other, before it is slowed, then refused"
    )
    requests: Annotated[Rate, BeforeValidator(rate), WithJsonSchema(_RATE_SCHEMA)] = Field(
        Rate(300, 60.0), description="of one session"
    )
    usd: Annotated[Rate, BeforeValidator(rate), WithJsonSchema(_RATE_SCHEMA)] = Field(
        Rate(50, 3600.0), description="US dollars of one session"
    )


def _switched(value: Any) -> Any:
    """`true` is all defaults, `false` none of it."""
    return ({} if value else None) if isinstance(value, bool) else value


MaybeGuard = Annotated[Guard | None, BeforeValidator(_switched)]
"""None: it is off."""
