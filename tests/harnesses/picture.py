"""Pictures of one colour: written as PNG, and the size read out of PNG and JPEG, which is what clients send."""

from __future__ import annotations

import struct
import zlib

__all__ = ["png", "size_of"]

PNG = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int) -> bytes:
    """A red picture, as a file."""
    rows = (b"\0" + b"\xc0\x20\x20" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; ValueError for what is neither a whole PNG nor a JPEG."""
    if data.startswith(PNG):
        return _of_png(data)
    if data.startswith(b"\xff\xd8"):
        return _of_jpeg(data)
    raise ValueError(f"neither PNG nor JPEG: {data[:8]!r}")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _of_png(data: bytes) -> tuple[int, int]:
    """The checksums are looked at as well: a picture that was cut or changed on its way has no size."""
    at, size = len(PNG), (0, 0)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if data[at : at + 12 + length] != _chunk(kind, body):
            raise ValueError("a PNG with a wrong checksum")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", body)
        if kind == b"IEND":
            return size
        at += 12 + length
    raise ValueError("a PNG without its end")


def _of_jpeg(data: bytes) -> tuple[int, int]:
    """The frame header's (ITU-T T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    raise ValueError("a JPEG without a frame")
