"""Embeddings as the client asked for them: lists of numbers, or base64 of little-endian 32-bit floats.

OpenAI's SDKs ask for base64 unless told otherwise, and many servers answer numbers whatever is asked. Only the vectors
are written anew, in the bytes of the answer: all else stays as it came, and an answer that is in the form already is
not touched.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import sys
from collections.abc import Callable
from typing import Any

import orjson

from router.backends.contract import Answer

__all__ = ["PATH", "as_asked", "as_base64", "as_numbers"]

PATH = "/v1/embeddings"

LARGE = 64 * 1024
"""Bytes of an answer from which on a thread does the work: a vector at a time, so that others come in between."""

# Inside a JSON string each quote has a backslash before it, so that neither pattern can match there.
_NUMBERS = re.compile(rb'"embedding"[ \t\r\n]*:[ \t\r\n]*(\[[^\[\]"{}]*\])')
_BASE64 = re.compile(rb'"embedding"[ \t\r\n]*:[ \t\r\n]*("[A-Za-z0-9+/=\\]*")')

_OTHER_TYPES = ("output_dtype", "embedding_type", "embedding_types", "encoding_types")
"""By these Mistral, Voyage, Jina and Cohere are asked for numbers of another kind, which float32 would falsify."""


def as_asked(path: str, asked: dict[str, Any], answer: Answer) -> Answer:
    """The answer to a request with body `asked`, its vectors in the form asked for; any other answer as it is."""
    if path != PATH or answer.status != 200 or any(asked.get(name) is not None for name in _OTHER_TYPES):
        return answer
    wanted = asked.get("encoding_format")
    if wanted in (None, "float"):
        return _Converted(answer, as_numbers)
    return _Converted(answer, as_base64) if wanted == "base64" else answer


def as_base64(body: bytes) -> bytes:
    """The answer with each list of numbers as base64. One that float32 cannot hold is left as it came."""
    return _NUMBERS.sub(lambda found: _replaced(found, _packed), body)


def as_numbers(body: bytes) -> bytes:
    """The answer with each base64 text as a list of numbers, the shortest that give the same 32 bits again."""
    return _BASE64.sub(lambda found: _replaced(found, _unpacked), body)


def _replaced(found: re.Match[bytes], convert: Callable[[bytes], bytes | None]) -> bytes:
    vector = convert(found[1])
    return found[0] if vector is None else found[0][: found.start(1) - found.start(0)] + vector


def _packed(vector: bytes) -> bytes | None:
    import numpy as np  # a tenth of a second, for those who need it

    try:
        numbers = np.array(orjson.loads(vector), dtype=np.float64)
    except (TypeError, ValueError):  # not JSON, or null among the numbers
        return None
    with np.errstate(over="ignore"):
        floats = numbers.astype("<f4")
    return b'"%b"' % base64.b64encode(floats.tobytes()) if np.isfinite(floats).all() else None


def _unpacked(vector: bytes) -> bytes | None:
    import numpy as np

    try:
        raw = base64.b64decode(orjson.loads(vector), validate=True)
        floats = np.frombuffer(raw, dtype="<f4")
    except (binascii.Error, ValueError):  # other text, or not of whole floats
        return None
    if not np.isfinite(floats).all():  # JSON has no word for these
        return None
    return orjson.dumps(floats.astype(np.float32), option=orjson.OPT_SERIALIZE_NUMPY)


class _Converted(Answer):
    """An answer whose body is converted once it is whole; anything but JSON goes through."""

    def __init__(self, answer: Answer, convert: Callable[[bytes], bytes]):
        self._answer = answer
        self._convert = convert
        self.status = answer.status
        self.headers = answer.headers

    async def read(self) -> bytes:
        body = await self._answer.read()
        heads = dict(self.headers)
        if b"content-encoding" in heads or not heads.get(b"content-type", b"").startswith(b"application/json"):
            return body
        here = len(body) < LARGE and "numpy" in sys.modules
        return self._convert(body) if here else await asyncio.to_thread(self._convert, body)

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        await self._answer.pipe(sink, ready)

    def abort(self) -> None:
        self._answer.abort()
