"""One chat completion asked of a backend, with what came and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import orjson

from router.accounts.prices import FREE, price_at, told_cost, usd
from router.accounts.tokens import tokens_of
from router.attempts.opening import Opening
from router.backends.contract import Backend, BackendError, Call, Plain
from router.cache.forms import as_whole
from router.config.backend import Backend as Spec
from router.request.tokens import estimate
from router.telemetry.record import Tokens

__all__ = ["Asker", "Heard"]

CHAT = "/v1/chat/completions"
MESSAGE = 300


@dataclass(slots=True)
class Heard:
    """An answer, or why there is none. Times are seconds from the question."""

    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None
    status: int = 200
    first: float = 0.0
    """When the first content came."""
    ended: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)
    """Estimated where the backend told none."""
    reason: str | None = None
    """Why the answer ended."""


class Asker:
    """Asks one backend, and adds up what that costs."""

    def __init__(self, backend: Backend, spec: Spec):
        self.backend = backend
        self.name = backend.name
        facts = backend.facts
        self.model = facts.model or (facts.models[0] if facts.models else "auto")
        self._spec = spec
        self._price = price_at(spec, self.model)
        self.usd: float | None = 0.0
        """US dollars so far; None where no price is known."""
        self.questions = 0

    async def ask(self, messages: list[dict[str, Any]], most: int, **more: Any) -> Heard:
        """A streamed answer of at most that many tokens, at temperature 0. A fault is told in it, and never raised."""
        data: dict[str, Any] = {"model": self.model, "messages": messages, "temperature": 0, "seed": 1}
        data |= {"max_tokens": most, "stream": True, **more}
        if self.backend.asks_usage:
            data["stream_options"] = {"include_usage": True}
        call = Call(CHAT, orjson.dumps(data), data, [(b"content-type", b"application/json")], stream=True)
        heard = Heard()
        self.questions += 1
        try:
            body = await self._listen(call, heard)
        except BackendError as error:
            heard.fault, heard.status = error.message[:MESSAGE], error.status
            return heard
        if heard.fault is None:
            _read(body, heard, sum(len(str(message.get("content"))) for message in messages))
            self._pay(body, heard)
        return heard

    async def _listen(self, call: Call, heard: Heard) -> bytes:
        began = perf_counter()
        answer = await self.backend.ask(call)
        try:
            if answer.status >= 400:
                told = (await answer.read())[:MESSAGE].decode("utf-8", "replace")
                heard.fault, heard.status = f"status {answer.status}: {' '.join(told.split())}", answer.status
                return b""
            if isinstance(answer, Plain):
                heard.first = heard.ended = perf_counter() - began
                return await answer.read()
            pieces: list[bytes] = []
            opening = Opening()

            def take(data: bytes) -> None:
                pieces.append(data)
                if not heard.first and opening.feed(data):
                    heard.first = perf_counter() - began

            await answer.pipe(take)
            heard.ended = perf_counter() - began
            return b"".join(pieces)
        finally:
            answer.abort()

    def _pay(self, body: bytes, heard: Heard) -> None:
        cost = told_cost(self._spec, _usage(body)) if self._spec.price is None else None
        if cost is None and self._spec.power is not None:
            power = self._spec.power
            cost = power.watts / 1000 * heard.ended / 3600 * power.per_kwh
        if cost is None and self._price is not None:
            cost = usd(self._price, heard.tokens)
        self.usd = None if cost is None or self.usd is None else self.usd + cost

    @property
    def free(self) -> bool:
        """Nothing is paid for its tokens, as far as is known."""
        return self._price == FREE


def _whole(body: bytes) -> dict[str, Any]:
    """The answer as one object, whether it came as a stream or not."""
    whole = body if body.lstrip()[:1] == b"{" else as_whole(body)
    try:
        said = orjson.loads(whole) if whole else None
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {}


def _usage(body: bytes) -> dict[str, Any]:
    usage = _whole(body).get("usage")
    return usage if isinstance(usage, dict) else {}


def _read(body: bytes, heard: Heard, prompt: int) -> None:
    said = _whole(body)
    choices = said.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    if choice is None:
        heard.fault = "its answer cannot be read"
        return
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    text, calls = message.get("content"), message.get("tool_calls")
    heard.text = text if isinstance(text, str) else ""
    heard.calls = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    reason = choice.get("finish_reason")
    heard.reason = reason if isinstance(reason, str) else None
    usage = said.get("usage")
    counted = tokens_of(usage) if isinstance(usage, dict) else None
    heard.tokens = counted or Tokens(prompt // 4, estimate(heard.text), estimated=True)
