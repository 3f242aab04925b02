"""A picture to be looked at: a square of one colour, as PNG (W3C, Portable Network Graphics, third edition)."""

from __future__ import annotations

import base64
import struct
import zlib

__all__ = ["data_url", "square"]

SIDE = 64
"""Pixels. Some vision models refuse what is smaller than one of their patches, 28 or 32 pixels wide."""


def square(red: int, green: int, blue: int, side: int = SIDE) -> bytes:
    """The file, in 8-bit RGB."""
    row = b"\0" + bytes((red, green, blue)) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(row * side)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def data_url(png: bytes) -> str:
    """As `image_url` of a message takes it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
