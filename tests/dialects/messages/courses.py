"""Answers as backends give them, event by event.

`python -m tests.dialects.messages.courses` writes what is told of each into `golden/`: read the difference before it is
committed.
"""

from __future__ import annotations

from pathlib import Path

from router.dialects.messages import Messages
from router.dialects.neutral import (
    Arguments,
    Began,
    Called,
    Ended,
    Event,
    Failed,
    Refused,
    Said,
    Thought,
    Usage,
    Used,
)

__all__ = ["BODY", "COURSES", "FAILURES", "GOLDEN", "streamed"]

GOLDEN = Path(__file__).parent / "golden"
BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}

BEGAN = Began("msg_1", "coder", 1)
USED = Used(Usage(12, 5))

COURSES: dict[str, list[Event]] = {
    "text": [BEGAN, Said("Hel"), Said("lo"), USED, Ended("stop")],
    "usage": [BEGAN, Said("x"), Used(Usage(100, 9, cached=60, cache_write=30, reasoning=4)), Ended("stop")],
    "no usage": [BEGAN, Said("x"), Ended("stop")],
    "thought, then text": [BEGAN, Thought("Let me "), Thought("see."), Said("Yes."), USED, Ended("stop")],
    "text, thought, text": [BEGAN, Said("So"), Thought("hm"), Said("yes"), USED, Ended("stop")],
    "call": [
        BEGAN,
        Said("I look."),
        Called(0, "call_1", "bash"),
        Arguments(0, '{"command":'),
        Arguments(0, ' "ls }"}'),
        USED,
        Ended("tool_calls"),
    ],
    "call without arguments": [BEGAN, Called(0, "call_1", "now"), USED, Ended("tool_calls")],
    "call, said to be a stop": [BEGAN, Called(0, "c", "now"), Arguments(0, "{}"), Ended("stop", matched="x")],
    "two calls": [
        BEGAN,
        Called(0, "call_1", "read"),
        Arguments(0, '{"path": "a"}'),
        Called(1, "call_2", "read"),
        Arguments(1, '{"pa'),
        Arguments(1, 'th": "b"}'),
        USED,
        Ended("tool_calls"),
    ],
    "interleaved calls": [
        BEGAN,
        Called(0, "call_1", "read"),
        Called(1, "call_2", "read"),
        Arguments(1, '{"path"'),
        Arguments(0, '{"path": '),
        Arguments(1, ': "b"}'),
        Said("Both."),
        Arguments(0, '"a"}'),
        Arguments(0, "\n"),
        USED,
        Ended("tool_calls"),
    ],
    "length": [BEGAN, Said("On and on"), USED, Ended("length")],
    "call cut by length": [BEGAN, Called(0, "c", "write"), Arguments(0, '{"text": "a'), USED, Ended("length")],
    "stop sequence": [BEGAN, Said("a"), USED, Ended("stop", matched="END")],
    "refusal": [BEGAN, Refused("I will "), Refused("not."), USED, Ended("stop")],
    "filtered": [BEGAN, Said("Well"), USED, Ended("content_filter")],
    "empty": [BEGAN, USED, Ended("stop")],
    "empty pieces": [BEGAN, Thought(""), Said(""), Said("a"), Said(""), USED, Ended("stop")],
    "line ends and beyond": [BEGAN, Said("a\n\ndata: b\r\u2028🚂"), USED, Ended("stop")],
}
FAILURES: dict[str, list[Event]] = {
    "fault at once": [Failed("the model is loading", 503)],
    "fault within": [BEGAN, Said("Hel"), Failed("out of memory", 500)],
    "context": [Failed("40000 tokens, and 32768 fit", 400, "context_length_exceeded")],
}


def streamed(events: list[Event], body: dict[str, object] = BODY) -> list[bytes]:
    """What is written at each event."""
    writer = Messages(body).writer()
    return [writer.write(event) for event in events]


if __name__ == "__main__":
    for name, events in (COURSES | FAILURES).items():
        (GOLDEN / f"{name}.sse").write_bytes(b"".join(streamed(events)))
