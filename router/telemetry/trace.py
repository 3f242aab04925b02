"""What the spans of one request need beside its record. Present only where traces are on; knows no OpenTelemetry."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from router.telemetry.text import legible

__all__ = ["MOST_CONTENT", "Trace"]

RawHeaders = list[tuple[bytes, bytes]]

MOST_CONTENT = 256 * 1024
"""Bytes of an answer that are kept where content is asked for."""
MOST = 1 << 63
"""A number beyond it cannot stand in a span."""

PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "n": "choice.count",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
}
"""Fields of a request, and what they are called after `gen_ai.request.`."""


@dataclass(slots=True)
class Trace:
    """One request's place in its trace: ids, and whatever of the request and the answer spans tell."""

    id: int
    """128 bits."""
    span: int
    """Of the request, 64 bits."""
    sampled: bool
    parent: Any
    """The caller's context, None where it had none."""
    captures: bool = False
    """The content is wanted."""
    attempts: list[int] = field(default_factory=list)
    """Span ids, one for each of the record's attempts."""
    parameters: dict[str, Any] = field(default_factory=dict)
    asked_model: str = ""
    session: str = ""
    question: dict[str, Any] | None = None
    """The body of the request, where its content is wanted."""
    answer: bytearray = field(default_factory=bytearray)

    @property
    def hex(self) -> str:
        """The trace's id as others write it."""
        return f"{self.id:032x}"

    def asked(self, data: dict[str, Any], model: str, session: str, private: bool) -> None:
        """The request is read and decided. Of what is private only numbers are told, whatever was wanted: a session's
        name, a stop sequence or the name of a model may be words of it."""
        self.captures = self.captures and not private and self.sampled
        if not self.sampled:
            return
        if not private:
            self.asked_model, self.session = model, session
        for name, called in PARAMETERS.items():
            value = data.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST:
                self.parameters[called] = value
        stops = None if private else data.get("stop")
        if isinstance(stops, str | list):
            told = [stops] if isinstance(stops, str) else stops[:8]
            self.parameters["stop_sequences"] = [legible(stop) for stop in told if isinstance(stop, str)]
        if self.captures:
            self.question = data

    def onward(self, headers: RawHeaders) -> RawHeaders:
        """A further attempt begins: its headers, in which this attempt stands as the parent (W3C Trace Context)."""
        span = random.getrandbits(64) or 1
        self.attempts.append(span)
        self.answer.clear()
        told = f"00-{self.hex}-{span:016x}-{1 if self.sampled else 0:02x}"
        return [*(header for header in headers if header[0] != b"traceparent"), (b"traceparent", told.encode())]

    def heard(self, data: bytes) -> None:
        """More of the answer, for `captures`."""
        room = MOST_CONTENT - len(self.answer)
        if room > 0:
            self.answer += data[:room]
