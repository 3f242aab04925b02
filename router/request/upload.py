"""A body with files that is still arriving: streamed through, never held, sent once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from router.request.multipart import ModelRewriter

__all__ = ["Upload"]


class Upload:
    """`head` is what was read of it for the decision; `rest` is still to come."""

    def __init__(self, head: bytes, rest: AsyncIterator[bytes], content_type: str, length: int | None):
        self._head = head
        self._rest = rest
        self._content_type = content_type
        self._length = length
        self.touched = False
        """Some of it has been read: it cannot be sent to another backend."""

    def toward(self, model: str | None) -> tuple[AsyncIterator[bytes], int | None]:
        """The pieces with the form's `model` replaced (None: untouched), and the length in bytes where it is sure.

        With a replaced name the length is not told (the body goes out chunked): how often the field stands in a
        form that has not yet come is not known, and a wrong length would let one request run into the next.
        """
        return self._read(model), self._length if model is None else None

    async def _read(self, model: str | None) -> AsyncIterator[bytes]:
        self.touched = True
        rewriter = ModelRewriter(self._content_type, model) if model is not None else None
        yield rewriter.feed(self._head) if rewriter else self._head
        async for piece in self._rest:
            yield rewriter.feed(piece) if rewriter else piece
        if rewriter:
            yield rewriter.close()
