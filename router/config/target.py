"""An entry of a route's `to`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from router.config.written import Duration, Strict

__all__ = ["Target", "Targets"]


class Target(Strict):
    """One backend of a route's `to`; its name alone is short for `{backend: NAME}`."""

    backend: str = Field(description="name of the backend")
    weight: Annotated[float, Field(ge=0, le=1_000_000)] = Field(
        1.0, description="for `choice: weighted` and `sticky`: its share; 0: only when the others cannot"
    )
    wait: Duration | None = Field(
        None,
        description="the next is asked where it would take longer than this until the first token; left out: never",
    )


def _named(value: Any) -> Any:
    """A bare name is the `backend`."""
    if isinstance(value, str):
        return {"backend": value}
    if not isinstance(value, dict | Target):
        raise ValueError("write the name of a backend, or {backend: NAME, weight: 3, wait: 5s}")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Targets = Annotated[list[Annotated[Target, BeforeValidator(_named)]], BeforeValidator(_as_list)]
"""One or several, as names or mappings."""
