"""OpenAI's transcriptions and translations by whisper.cpp's server (examples/server of ggml-org/whisper.cpp).

It takes the same form at `/inference`, with a field of its own for a translation, and knows the same five formats of an
answer. Its errors come with status 200, and plain text as `text/html`. What sound it reads is its own affair: WAV
always, MP3, FLAC and Ogg where it is new enough, the rest where it was started with `--convert` and has ffmpeg.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import orjson

from router.backends.contract import Answer, BackendError, Call
from router.endpoints.translation import Translation
from router.request.multipart import boundary

__all__ = ["to_whisper"]

_TRANSLATE = b'--%b\r\ncontent-disposition: form-data; name="translate"\r\n\r\n%b\r\n'
MESSAGE = 500


def to_whisper(call: Call) -> Translation:
    """The upload, streamed on as it comes. Raises BackendError ("refused", 400)."""
    kind = dict(call.headers).get(b"content-type", b"").decode("latin-1")
    try:
        mark = boundary(kind)
    except ValueError as error:
        raise BackendError("refused", f"whisper.cpp takes a form with a file: {error}", status=400) from None
    # Said in either case: the server forgets what a request asked for only when that succeeded.
    front = _TRANSLATE % (mark, b"true" if call.path.endswith("/translations") else b"false")
    body = front + call.body if isinstance(call.body, bytes) else _behind(front, call.body)
    length = None if call.length is None else call.length + len(front)
    return Translation(replace(call, path="/inference", body=body, length=length, query=b""), _Transcript)


async def _behind(front: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield front
    async for piece in rest:
        yield piece


class _Transcript(Answer):
    """What was heard, with an error told as one."""

    def __init__(self, answer: Answer):
        self._answer = answer
        self.status = answer.status
        self.headers = [
            (
                name,
                b"text/plain; charset=utf-8" if name == b"content-type" and value.startswith(b"text/html") else value,
            )
            for name, value in answer.headers
        ]

    async def read(self) -> bytes:
        body = await self._answer.read()
        if self.status == 200 and b'"error"' in body[:MESSAGE]:
            try:
                said = orjson.loads(body)
            except ValueError:
                return body
            if isinstance(said, dict) and isinstance(said.get("error"), str) and "text" not in said:
                raise BackendError("refused", f"whisper.cpp: {said['error'][:MESSAGE]}", status=400)
        return body

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        await self._answer.pipe(sink, ready)

    def abort(self) -> None:
        self._answer.abort()
