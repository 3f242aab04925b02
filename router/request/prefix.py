"""The growing beginnings of a conversation, each as a digest: equal beginnings of two requests have equal digests.

A model's KV cache is of use for a prompt that begins as an earlier one did. A prompt is made of the tools and system
prompts, then the messages in order; so is the chain: its first digest is of all up to the first real user turn (what is
before it is the same in many conversations, and must not bind them together), each further one takes in one more item.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import orjson

from router.request.content import Conversation

__all__ = ["prefixes"]

SIZE = 16
LONGEST = 32_768
"""Bytes of an item, such as a picture, up to which it is digested whole; of a longer one its ends and its length."""


def prefixes(data: dict[str, Any], conversation: Conversation) -> tuple[bytes, ...]:
    """Shortest first; empty for a request that holds no conversation."""
    items = conversation.items
    if not items:
        return ()
    digest = blake2b(digest_size=SIZE)
    for key in ("tools", "functions"):
        if data.get(key):
            digest.update(_bytes(data[key]))
    begin = max(0, conversation.first)
    chain = []
    for index, item in enumerate(items):
        digest.update(_bytes(item.raw))
        if index >= begin:
            chain.append(digest.digest())
    return tuple(chain)


def _bytes(value: Any) -> bytes:
    """The value with its length, so that two values never look like one."""
    try:
        written = orjson.dumps(value)
    except TypeError:  # half a surrogate pair, a number beyond 64 bits: what the lenient reader lets through
        written = _leniently(value)
    size = len(written)
    if size > LONGEST:
        written = written[: LONGEST // 2] + written[-LONGEST // 2 :]
    return b"%d:%b" % (size, written)


def _leniently(value: Any) -> bytes:
    try:
        return json.dumps(value, default=str).encode()
    except RecursionError:  # nested so deep that nobody's conversation is
        return b"?"
