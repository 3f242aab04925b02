"""The form fields of a multipart upload, read and changed while the file in it streams past (RFC 7578)."""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import unquote_to_bytes

__all__ = ["ModelRewriter", "boundary", "fields"]

_MAX_PART_HEAD = 16 * 1024
_MAX_PADDING = 256
_MAX_FIELD = 64 * 1024

_TOKEN = r'"((?:[^"\\]|\\.)*)"|([^\s;]+)'
_BOUNDARY = re.compile(rf"(?:^|;)\s*boundary\s*=\s*(?:{_TOKEN})", re.IGNORECASE)
_DISPOSITION = re.compile(r"^content-disposition\s*:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(rf";\s*([a-z]+\*?)\s*=\s*(?:{_TOKEN})", re.IGNORECASE)


def boundary(content_type: str) -> bytes:
    """The boundary that a `multipart/form-data` content type names. Raises ValueError with a sentence for a client."""
    if not content_type.lower().lstrip().startswith("multipart/form-data"):
        raise ValueError("the content type is not multipart/form-data")
    match = _BOUNDARY.search(content_type)
    mark = _unquoted(match) if match else ""
    if not 0 < len(mark) <= 256:
        raise ValueError("the content type multipart/form-data names no usable boundary")
    return mark.encode("latin-1", "replace")


def fields(head: bytes, content_type: str) -> dict[str, str]:
    """The small form fields that lie wholly within `head`, the first bytes of a body; files are left out.

    The first of several of one name counts. Raises ValueError as `boundary` does.
    """
    delimiter = b"\r\n--" + boundary(content_type)
    found: dict[str, str] = {}
    for part in (b"\r\n" + head).split(delimiter)[1:-1]:
        part_head, separator, value = part.partition(b"\r\n\r\n")
        name, is_file = _disposition(part_head)
        if separator and name is not None and not is_file and len(value) <= _MAX_FIELD:
            found.setdefault(name, value.decode("utf-8", "replace"))
    return found


def _unquoted(match: re.Match[str], first: int = 1) -> str:
    quoted, bare = match[first], match[first + 1]
    return re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare


def _disposition(head: bytes) -> tuple[str | None, bool]:
    """(name, whether it is a file) of a part, from its header lines; (None, …) when it names none."""
    line = _DISPOSITION.search(head.decode("utf-8", "replace").replace("\r\n", "\n"))
    if line is None:
        return None, False
    name: str | None = None
    is_file = False
    for parameter in _PARAMETER.finditer(line[1]):
        key, value = parameter[1].lower(), _unquoted(parameter, 2)
        if key == "name" or (key == "name*" and name is None):
            name = value if key == "name" else unquote_to_bytes(value.rpartition("'")[2]).decode("utf-8", "replace")
        is_file = is_file or key in ("filename", "filename*")
    return name, is_file


class _At(Enum):
    CONTENT = "in a part whose bytes pass"
    MODEL = "in the model field, whose value is dropped"
    DELIMITER = "behind a delimiter, whose line is not complete"
    HEAD = "in the header lines of a part"
    END = "behind the closing delimiter"


class ModelRewriter:
    """Replaces the value of each `model` field in a multipart body that comes in pieces; all other bytes pass.

    `feed` and `close` return what may go on. Between calls it keeps back at most the header lines of one part (16 kB)
    or a delimiter that is not complete. Raises ValueError for a content type without boundary, and from `feed` for a
    part whose header lines are longer.
    """

    def __init__(self, content_type: str, model: str):
        self._delimiter = b"\r\n--" + boundary(content_type)
        self._model = model.encode()
        self._at = _At.CONTENT
        self._before = _At.CONTENT
        # RFC 2046 lets the first delimiter stand at the very start: a line end put before it makes it like the others.
        self._kept = b"\r\n"
        self._virtual = 2
        self._out: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """The bytes that go on now."""
        self._kept += data
        while self._step():
            pass
        return self._take()

    def close(self) -> bytes:
        """What was kept back, at the end of the body."""
        if self._at is _At.DELIMITER:
            if self._before is not _At.MODEL:
                self._pass(self._delimiter)
            self._at = self._before
        if self._at is not _At.MODEL:
            self._pass(self._kept)
        self._kept = b""
        return self._take()

    def _take(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _pass(self, data: bytes) -> None:
        if self._virtual and data:
            skipped = min(self._virtual, len(data))
            self._virtual -= skipped
            data = data[skipped:]
        self._out.append(data)

    def _step(self) -> bool:
        """One move of the machine; False when it needs more bytes."""
        if self._at in (_At.CONTENT, _At.MODEL):
            return self._content()
        if self._at is _At.DELIMITER:
            return self._line_of_delimiter()
        if self._at is _At.HEAD:
            return self._part_head()
        self._pass(self._kept)
        self._kept = b""
        return False

    def _content(self) -> bool:
        found = self._kept.find(self._delimiter)
        end = found if found >= 0 else self._safe_length()
        if self._at is _At.CONTENT:
            self._pass(self._kept[:end])
        self._kept = self._kept[end:]
        if found < 0:
            return False
        self._kept = self._kept[len(self._delimiter) :]
        self._before, self._at = self._at, _At.DELIMITER
        return True

    def _safe_length(self) -> int:
        """How much of what is kept cannot be the beginning of a delimiter."""
        kept = self._kept
        start = kept.rfind(b"\r", max(0, len(kept) - len(self._delimiter) + 1))
        return start if start >= 0 and self._delimiter.startswith(kept[start:]) else len(kept)

    def _line_of_delimiter(self) -> bool:
        kept = self._kept
        if kept.startswith(b"--"):
            self._pass(self._delimiter)
            self._at = _At.END
            return True
        rest = kept.lstrip(b" \t")
        if rest.startswith(b"\r\n"):
            self._pass(self._delimiter)
            self._at = _At.HEAD  # the head keeps the line end, so that a part without header lines ends like the others
            return True
        padding = len(kept) - len(rest)
        if padding <= _MAX_PADDING and (rest in (b"", b"\r") or kept == b"-"):
            return False
        if self._before is not _At.MODEL:
            self._pass(self._delimiter)
        self._at = self._before
        return True

    def _part_head(self) -> bool:
        end = self._kept.find(b"\r\n\r\n")
        if end < 0:
            if len(self._kept) > _MAX_PART_HEAD:
                raise ValueError("the header lines of a part of the multipart body are longer than 16 kB")
            return False
        head, self._kept = self._kept[: end + 4], self._kept[end + 4 :]
        self._pass(head)
        name, is_file = _disposition(head)
        if name == "model" and not is_file:
            self._pass(self._model)
            self._at = _At.MODEL
        else:
            self._at = _At.CONTENT
        return True
