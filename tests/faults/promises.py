"""What must come of each fault, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tests.faults.faults import EVENTS, FAILED, FAULTS, GZIPPED, JSON, SHOWN

__all__ = ["PROMISES", "Promise"]

Must = Literal["move on", "be cut", "be shown", "be whole", "bring all"]


@dataclass(frozen=True, slots=True)
class Promise:
    """An answer with this fault must move on to the next candidate, unseen; be cut, so that the client sees that it is
    not whole, and nothing is asked again; be shown as it is; be whole; or bring all its content, whatever its end."""

    fault: str
    stream: bool
    must: Must
    reason: str = ""
    """In the words of the record; empty: any but `ok`."""
    status: int = 0
    """That the client sees when there is no other candidate; 0: an error of ours."""
    body: bytes = b""
    """Of a whole answer."""
    probed: bool = False
    """The proxy's own questions find it, so that it may not even be asked."""

    @property
    def name(self) -> str:
        """As the test is called."""
        return f"{'a stream' if self.stream else 'an answer'} that {self.fault} must {self.must}"


def _each(
    must: Must, faults: Iterable[str], kinds: Iterable[bool] = (False, True), **told: object
) -> Iterator[Promise]:
    for fault in faults:
        for stream in kinds:
            yield Promise(fault, stream, must, **told)  # type: ignore[arg-type]


PLAIN, STREAM = (False,), (True,)
WHOLE_STREAM = b"".join(EVENTS)

PROMISES = [
    # the connection
    *_each("move on", ["refuses", "accepts and hangs"], probed=True),
    *_each("move on", ["closes at once", "resets at once"], reason="broken", probed=True),
    *_each("move on", ["has a certificate that nobody trusts", "speaks plain on a TLS port"], probed=True),
    *_each("move on", ["hangs in the TLS handshake"], PLAIN, probed=True),
    *_each("move on", ["closes after the request", "resets after the request"], reason="broken"),
    *_each("move on", ["says nothing"], reason="timeout"),
    # the head
    *_each("move on", ["closes in half a head", "resets in half a head"], STREAM, reason="broken"),
    *_each("move on", ["hangs in half a head", "trickles its head"], STREAM, reason="timeout"),
    *_each("move on", ["sends interim heads without end"], PLAIN, reason="timeout"),
    *_each(
        "move on",
        [
            "says garbage",
            "speaks another protocol",
            "has a header with a NUL",
            "has a header without a colon",
            "has a header name with a space",
            "has a header of 1 MB",
            "has ten thousand headers",
            "has status 700",
            "has status 000",
            "claims HTTP 3",
            "switches protocols unasked",
            "has a negative length",
            "has no number for a length",
            "has two lengths that differ",
            "has both lengths",
        ],
        PLAIN,
        reason="broken",
    ),
    # the body
    *_each(
        "move on",
        [
            "has a length too long",
            "closes in half a chunk",
            "has a chunk size that is none",
            "has a chunk of 2^68 bytes",
            "closes before the last chunk",
        ],
        PLAIN,
        reason="broken",
    ),
    *_each("move on", ["hangs in the body"], PLAIN, reason="timeout"),
    *_each("move on", ["closes the stream before its first event"], STREAM, reason="broken"),
    *_each("move on", ["hangs before its first event"], STREAM, reason="timeout"),
    *_each("move on", ["closes in its first event"], STREAM, reason="broken"),
    *_each("move on", ["resets in its second event"], STREAM),
    *_each(
        "be cut",
        [
            "closes after its first content",
            "resets after its first content",
        ],
        STREAM,
        reason="broken",
    ),
    *_each(
        "move on",
        [
            "resets at byte 1",
            "resets at byte 17, in its status line",
            "resets at byte 40, in its headers",
            "resets at the last byte of its head",
            "resets at its first chunk size",
            "resets at a byte of its role",
        ],
        STREAM,
        reason="broken",
    ),
    *_each("be cut", ["resets at a byte of its second content"], STREAM, reason="broken"),
    *_each("be cut", ["hangs after its first content"], STREAM, reason="timeout"),
    # what it claims
    *_each(
        "move on",
        [
            "answers with a page",
            "answers JSON that does not parse",
            "answers JSON that is cut by a length too short",
            "answers JSON that is cut by the end",
            "answers null",
            "answers nothing at all",
            "answers an error with status 200",
        ],
        PLAIN,
    ),
    *_each("move on", ["answers with a page", "calls a page a stream", "answers nothing at all"], STREAM),
    *_each("move on", ["calls a stream JSON", "calls JSON a stream"], STREAM),
    *_each("move on", ["ends a stream that has no events", "ends a stream after its role"], STREAM),
    *_each("be cut", ["ends a stream in its content"], STREAM),
    *_each("move on", ["begins with an error event", "begins with an error event of its own name"], STREAM),
    *_each("move on", ["only says comments"], STREAM, reason="timeout"),
    # statuses
    *(
        Promise(
            f"answers {status}",
            stream,
            "move on",
            f"status {status}",
            status,
        )
        for status in FAILED
        for stream in (False, True)
    ),
    *_each("move on", [name for name in FAULTS if " to come again " in name], PLAIN, reason="status 429", status=429),
    *(Promise(f"answers {status}", stream, "be shown", "", status) for status in SHOWN for stream in (False, True)),
    *_each("move on", [name for name in FAULTS if name.startswith("redirects with ")], PLAIN, reason="broken"),
    # odd, and fine
    *_each(
        "be whole",
        [
            "good",
            "thinks for a while",
            "says interim heads first",
            "has trailers",
            "has chunk extensions",
            "answers twice",
            "closes with words after its answer",
        ],
        PLAIN,
        body=JSON,
    ),
    *_each(
        "be whole",
        ["good", "thinks for a while", "trickles its answer", "speaks HTTP 1.0", "streams with a length"],
        STREAM,
        body=WHOLE_STREAM,
    ),
    *_each(
        "bring all",
        ["closes after DONE, before the last chunk", "has a length too long for its stream"],
        STREAM,
        body=WHOLE_STREAM,
    ),
    *_each("be whole", ["sends words after its last chunk"], STREAM, body=WHOLE_STREAM),
    *_each("be whole", ["answers in gzip"], PLAIN, body=GZIPPED),
    *_each("be whole", ["ends its stream without DONE"], STREAM, body=b"".join(EVENTS[:-1])),
]
