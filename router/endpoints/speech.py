"""OpenAI's speech by Piper's HTTP server (`python -m piper.http_server` of OHF-Voice/piper1-gpl).

It takes JSON at `/synthesize`, before version 1.4 at `/`, and answers WAV, whatever is asked. A voice that it does not
have is spoken by its own, so that the names of OpenAI's voices do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from router.backends.contract import Answer, BackendError, Call
from router.endpoints.translation import Translation, as_json

__all__ = ["to_piper"]

SLOWEST, FASTEST = 0.25, 4.0
"""As OpenAI bounds `speed`."""
LONGEST = 100_000
"""Characters of a text."""

_OWN = ("speaker", "speaker_id", "noise_scale", "noise_w_scale", "length_scale")
"""Piper's further fields, which go on as they come."""
_VOICE = re.compile(r"[\w -](?:[\w. -]{0,98}[\w -])?")
"""The server opens a file of this name, `.onnx` behind it: nothing that leads elsewhere."""


def to_piper(call: Call) -> Translation:
    """The request. Raises BackendError ("refused", 400) for what Piper cannot do."""
    asked = call.data
    text = asked.get("input")
    if not isinstance(text, str) or not text.strip():
        raise _refused('"input" must be a text that is not empty', "input")
    if len(text) > LONGEST:
        raise _refused(f'"input" has {len(text):,} characters, and {LONGEST:,} is the most', "input")
    form = asked.get("response_format")
    if form not in (None, "wav"):
        told = str(form)[:40]
        raise _refused(
            f'Piper writes WAV: "response_format" must be "wav" or left out, not "{told}"', "response_format"
        )
    if asked.get("stream_format") not in (None, "audio"):
        raise _refused('Piper tells no events: "stream_format" must be "audio" or left out', "stream_format")
    said: dict[str, Any] = {"text": text, **{name: asked[name] for name in _OWN if asked.get(name) is not None}}
    if (voice := _voice(asked.get("voice"))) is not None:
        said["voice"] = voice
    if (speed := asked.get("speed")) is not None:
        said["length_scale"] = 1 / _speed(speed)
    older = Translation(as_json(call, "/", said, stream=False), _Wave)
    return Translation(as_json(call, "/synthesize", said, stream=False), _Wave, older)


def _voice(voice: Any) -> str | None:
    if isinstance(voice, dict):
        voice = voice.get("id")
    if voice is None or voice == "":
        return None
    if not isinstance(voice, str) or not _VOICE.fullmatch(voice) or ".." in voice:
        raise _refused('"voice" must be the name of a voice: letters, digits and . _ -', "voice")
    return voice


def _speed(speed: Any) -> float:
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not SLOWEST <= speed <= FASTEST:
        raise _refused(f'"speed" must be a number from {SLOWEST:g} to {FASTEST:g}', "speed")
    return float(speed)


def _refused(message: str, field: str) -> BackendError:
    return BackendError("refused", message, status=400, code=f"invalid_{field}")


class _Wave(Answer):
    """The sound, by its right name: the server calls it `text/html`."""

    def __init__(self, answer: Answer):
        self._answer = answer
        self.status = answer.status
        self.headers = answer.headers
        if answer.status == 200:
            others = [header for header in answer.headers if header[0] != b"content-type"]
            self.headers = [*others, (b"content-type", b"audio/wav")]

    async def read(self) -> bytes:
        return await self._answer.read()

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        await self._answer.pipe(sink, ready)

    def abort(self) -> None:
        self._answer.abort()
