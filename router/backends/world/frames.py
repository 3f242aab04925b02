"""What the proxy and the child process of a world model say to each other: frames over two pipes.

A frame is a head (length of the payload, kind, number of the request it belongs to) and a payload: JSON, or bytes of an
answer as they go to the client.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

__all__ = ["MOST", "Frame", "FrameError", "Frames", "Kind", "frame"]

MOST = 16 << 20
"""Bytes of a payload. A prompt that long is beyond every context; more is a fault of the other side."""

_HEAD = struct.Struct("<IBQ")


class Kind(IntEnum):
    """OPEN, ASK, CANCEL and PING go to the child; the others come from it."""

    OPEN = 1
    """Settings, as JSON: the first frame."""
    ASK = 2
    """A question, as JSON."""
    CANCEL = 3
    PING = 4
    READY = 5
    """Everything is loaded."""
    FAULT = 6
    """It cannot be loaded; a sentence as JSON. The child ends."""
    PIECE = 7
    """More bytes of an answer."""
    END = 8
    """An answer is whole; its tally as JSON."""
    ERROR = 9
    """There is no answer, or no more of it; the fields of a BackendError as JSON."""
    PONG = 10


class FrameError(ValueError):
    """The other side does not speak in frames."""


class Frame(NamedTuple):
    """One frame, received."""

    kind: int
    number: int
    payload: bytes


def frame(kind: Kind, number: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of one frame. Raises FrameError when the payload is too long."""
    if len(payload) > MOST:
        raise FrameError(f"a payload of {len(payload)} bytes; {MOST} is the most")
    return _HEAD.pack(len(payload), kind, number) + payload


class Frames:
    """Bytes as they arrive become whole frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """All frames that are whole now. Raises FrameError."""
        held = self._bytes
        held += data
        found, at = [], 0
        while len(held) - at >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(held, at)
            if length > MOST or not Kind.OPEN <= kind <= Kind.PONG:
                raise FrameError(f"a frame of kind {kind} with {length} bytes")
            end = at + _HEAD.size + length
            if end > len(held):
                break
            found.append(Frame(kind, number, bytes(held[at + _HEAD.size : end])))
            at = end
        del held[:at]
        return found
