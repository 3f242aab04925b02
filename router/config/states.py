"""The states a backend can be in, as `when:` asks for them and as a test of the rules assumes them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from router.config.written import Duration, Strict

__all__ = ["STATES", "Given", "States"]

STATES = {
    "up": ("up", True),
    "down": ("up", False),
    "busy": ("busy", True),
    "free": ("busy", False),
    "loaded": ("loaded", True),
    "unloaded": ("loaded", False),
    "warm": ("warm", True),
    "cold": ("warm", False),
}
"""Words for the state of a backend, and what each says of which part of it."""


class Given(Strict):
    """The state that a test takes a backend to be in."""

    up: bool = Field(True, description="false: it is down")
    busy: bool = Field(False, description="true: each of its slots is taken")
    loaded: bool = Field(True, description="false: its model is not in memory")
    warm: bool = Field(False, description="true: it has served an earlier turn of the conversation")
    queue: Annotated[int, Field(ge=0)] = Field(0, description="requests that wait for it; more than 0: it is busy")
    service: Duration | None = Field(None, description="how long a request holds its slot, for `wait`")
    first: Duration | None = Field(None, description="from a request's turn to its first token, for `wait`")


def _stated(value: Any) -> Any:
    """A bare word is the state alone."""
    if isinstance(value, str):
        if value not in STATES:
            raise ValueError(f"a backend is one of {', '.join(STATES)}, or a mapping such as {{queue: 3}}")
        return {STATES[value][0]: STATES[value][1]}
    return value


States = dict[str, Annotated[Given, BeforeValidator(_stated)]]
"""By the name of the backend."""
