"""Anthropic's own SDK, reading what we write."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2

__all__ = ["error", "read_whole", "snapshot"]

_body = b""
_kind, _status = "text/event-stream", 200


def _answer(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(_status, headers={"content-type": _kind}, content=_body)


_client = anthropic.Anthropic(
    api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(_answer))
)
_ASKED: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def _gives(body: bytes, kind: str = "text/event-stream", status: int = 200) -> None:
    global _body, _kind, _status
    _body, _kind, _status = body, kind, status


def snapshot(stream: bytes) -> tuple[dict[str, Any] | None, list[str]]:
    """The message as far as it has come (None: not at all), and the types of the events that were seen."""
    _gives(stream)
    seen = []
    with _client.messages.stream(**_ASKED) as events:
        seen += [event.type for event in events]
        if not seen:
            return None, seen
        return plain(events.current_message_snapshot), seen


def read_whole(body: bytes) -> dict[str, Any]:
    """A message that came as one object."""
    _gives(body, "application/json")
    return plain(_client.messages.create(**_ASKED))


def error(body: bytes, status: int, kind: str = "application/json") -> anthropic.APIStatusError:
    """The error that the SDK raises."""
    _gives(body, kind, status)
    try:
        if kind == "application/json":
            _client.messages.create(**_ASKED)
        else:
            snapshot(body)
    except anthropic.APIStatusError as raised:
        return raised
    raise AssertionError("no error was raised")


def plain(message: Any) -> dict[str, Any]:
    """What it holds, without what nobody said."""
    told: dict[str, Any] = message.model_dump(exclude_unset=True, warnings=False)
    return {name: value for name, value in told.items() if name != "stop_details"}
