"""Requests to a proxy that caches, and rules for it; what the tests of the cache share."""

from __future__ import annotations

import json
from typing import Any

from tests.signalbox import Signalbox, post

__all__ = ["CHAT", "KEYS", "RULES", "chat", "question", "results", "streamed", "texts"]

CHAT = "/v1/chat/completions"
RULES = """
version: 1
backends:
  first: {{url: "{first}", model: one, dialects: [responses, messages]}}
  second: {{url: "{second}", model: two, dialects: [responses, messages]}}
  vouched: {{url: "{second}", model: three, dialects: [responses, messages], private: true}}
  nobody: {{url: "http://127.0.0.1:{nobody}/v1"}}
routes:
  - {{name: none, when: {{model: none}}, to: first}}
  - {{name: short, when: {{model: short}}, to: first, cache: 300ms}}
  - {{name: everyone, when: {{model: everyone}}, to: first, cache: {{ttl: 1h, scope: everyone}}}}
  - {{name: plain only, when: {{model: plain-only}}, to: first, cache: {{ttl: 1h, streams: false}}}}
  - {{name: all of it, when: {{model: all}}, to: first, cache: {{ttl: 1h, tool_turns: true, sampled: true}}}}
  - {{name: small, when: {{model: small}}, to: first, cache: {{ttl: 1h, max_bytes: 300}}}}
  - {{name: fallback, when: {{model: fallback}}, to: [nobody, second], cache: 1h}}
  - {{name: two, when: {{model: two-of-them}}, to: [first, second], cache: 1h}}
  - {{name: the rest, to: first, cache: 1h}}
"""
KEYS = "alice:ka,bob:kb"

_numbers = iter(range(10**6))


def question(model: str = "auto", **fields: Any) -> bytes:
    """One that no other test asks."""
    said = f"question {next(_numbers)}"
    return json.dumps({"model": model, "messages": [{"role": "user", "content": said}], **fields}).encode()


def chat(proxy: Signalbox, body: bytes, key: str = "ka", **headers: str) -> tuple[int, dict[str, str], bytes]:
    return post(proxy, CHAT, body, authorization=f"Bearer {key}", **headers)


def results(proxy: Signalbox, *bodies: bytes, **headers: str) -> list[str]:
    return [chat(proxy, body, **headers)[1].get("x-signalbox-cache", "none") for body in bodies]


def streamed(body: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(body), "stream": True, **fields}).encode()


def texts(events: bytes) -> str:
    chunks = [json.loads(line[6:]) for line in events.split(b"\n\n") if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
