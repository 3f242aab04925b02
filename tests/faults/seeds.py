"""What the targets understand, to begin from; and Hypothesis' way of spoiling it."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st

from tests.faults.clients import LIES, chat, post
from tests.faults.faults import BEGUN, ERROR_EVENT, FOREIGN, INTERIM, JSON, PLAIN, STREAM
from tests.upstream import chat_chunks

__all__ = ["SEEDS", "mutated"]

RULES = Path(__file__).parents[2] / "rules"
FORM = (
    b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper\r\n--x\r\ncontent-disposition: form-data; '
    b'name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\nRIFF\0\r\n--y\r\n--x--\r\n'
)
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
MESSAGES = [
    {"role": "system", "content": "You are a coder."},
    {"role": "user", "content": [{"type": "text", "text": "fix it"}, IMAGE]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "read"}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": "text"},
]
FULL = {"model": "auto", "messages": MESSAGES, "tools": [TOOL], "stream": True, "max_tokens": 5}
RESPONSES = {"model": "auto", "input": [{"type": "message", "role": "user", "content": "hi"}], "instructions": "x"}
CHUNKED = b'transfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n2;x=y\r\n1}\r\n0\r\nx-t: 1\r\n\r\n'
UPGRADE = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\nexpect: 100-continue\r\n"

SEEDS: dict[str, list[bytes]] = {
    "inbound": [
        post(chat("good")),
        post(chat("good")) * 2 + b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n" + CHUNKED,
        post(chat("good")) + b"POST /v1/chat/completions HTTP/1.1\r\n" + CHUNKED,
        b"CONNECT localhost:443 HTTP/1.1\r\nhost: localhost:443\r\n\r\n" + post(chat("good")),
        post(chat("good"), headers=UPGRADE),
        *[lie.sent for lie in LIES if len(lie.sent) < 2000],
    ],
    "outbound": [STREAM, BEGUN, PLAIN + JSON, INTERIM + PLAIN + JSON, PLAIN + JSON + FOREIGN, STREAM + b"more"],
    "body": [
        chat("good"),
        json.dumps(FULL).encode(),
        json.dumps(RESPONSES, indent=1).encode(),
        b'{"mode\\u006c": 1e999}',
    ],
    "multipart": [FORM, FORM * 2, FORM.replace(b"\r\n\r\n", b"\r\n \r\n\r\n")],
    "events": [b"".join(chat_chunks(["a", "b"], usage=True)), ERROR_EVENT, b": hi\r\n\r\ndata: {}\r\rdata: 1\n\n"],
    "rules": [(RULES / name).read_bytes() for name in ("offline.yaml", "default.yaml", "home-lab.yaml")],
    "path": [b"/v1/chat/completions", b"//v1/v1/models/a%2Fb", b"/v1/..%2f..%2Fadmin", b"/chat/completions"],
}


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with pieces of it taken out, doubled, exchanged or overwritten, and the size of its pieces before it."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        begin, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        end = min(end, begin + 40)
        kind = draw(st.integers(0, 3))
        part = data[begin:end]
        if kind == 0:
            part = b""
        elif kind == 1:
            part *= draw(st.integers(2, 4))
        elif kind == 2:
            part = draw(st.binary(max_size=8))
        else:
            part = draw(
                st.sampled_from([b"\r\n", b"\n", b"\0", b'"', b"\\", b"{", b"[", b": ", b"\xff", b"-1", b"9" * 30])
            )
        data = data[:begin] + part + data[end:]
    return bytes((draw(st.sampled_from((0, 0, 1, 2, 3, 17, 64, 255))),)) + data
