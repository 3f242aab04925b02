"""What kind of work a request asks for.

Structure first: the path, fill-in-the-middle marks, a client's background call, a coding harness, code in the text.
Then the wording of the latest real user turn, so that a turn that only brings tool results keeps the task of the turn
it belongs to. What is not recognized is `chat`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from router.request.background import asks_for_a_summary, asks_for_a_title, background_call, background_prompt
from router.request.coding import Evidence, evidence_in, is_coding_prompt, offers_coding_tools
from router.request.content import Conversation
from router.request.described_world import asks_about_a_world, is_world_prompt
from router.request.harness import CODING
from router.request.wording import Wording

__all__ = ["TASKS", "task_of"]

TASKS = ("code", "chat", "title", "summary", "autocomplete", "world", "embed", "transcribe", "speech", "image")

_BY_PATH = (
    ("/v1/embeddings", "embed"),
    ("/v1/rerank", "embed"),
    ("/v1/score", "embed"),
    ("/v1/audio/transcriptions", "transcribe"),
    ("/v1/audio/translations", "transcribe"),
    ("/v1/audio/speech", "speech"),
    ("/v1/images/", "image"),
    ("/v1/responses/compact", "summary"),
    ("/v1/infill", "autocomplete"),
    ("/v1/fim/", "autocomplete"),
)

_MARK = (
    r"(?:<\|?fim[_-](?:prefix|suffix|middle|begin|hole|end)\|?>|<｜fim▁(?:begin|hole|end)｜>|<(?:PRE|SUF|MID)>"
    r"|\[(?:PREFIX|SUFFIX|MIDDLE)\])"
)
_FIM = re.compile(_MARK)
_FIM_AT_END = re.compile(_MARK + r"\s*\Z")
_COMPLETER = re.compile(
    r"\bhole filler\b|\b(?:code|inline|tab)[- ](?:auto)?complet(?:ion|er) (?:engine|assistant|model|system|tool|ai)\b"
    r"|\bautocomplet(?:e|ion) (?:engine|model|system)\b|\bfill[- ]in[- ]the[- ]middle\b"
)

_HEAD, _TAIL = 1200, 600
_CODE_WINDOW = 4000
_PROMPT = 3000


class _Prompt(NamedTuple):
    """What a system prompt says of the task."""

    background: str = ""
    completes: bool = False
    codes: bool = False
    simulates: bool = False


@lru_cache(maxsize=256)
def _judge(prompt: str) -> _Prompt:
    # A client repeats its system prompt in each request; only its beginning is kept, as the key.
    completes = _COMPLETER.search(prompt[:500].lower()) is not None
    return _Prompt(background_prompt(prompt), completes, is_coding_prompt(prompt), is_world_prompt(prompt))


_NO_PROMPT = _Prompt()


def task_of(
    path: str,
    data: dict[str, Any],
    conversation: Conversation,
    tools: tuple[str, ...],
    harness: str,
    header: Callable[[str], str],
) -> str:
    """A name of TASKS. Of the turn, 4,000 characters are read for code and 1,800 for wording, whatever its length."""
    for prefix, task in _BY_PATH:
        if path.startswith(prefix):
            return task
    system = conversation.system
    prompt = _judge(system[:_PROMPT]) if system else _NO_PROMPT
    words = conversation.last_words
    if prompt.completes or _is_autocomplete(path, data, words):
        return "autocomplete"
    background = background_call(header, words) or prompt.background
    if background:
        return background
    text = conversation.text
    wording = Wording(text if len(text) <= _HEAD + _TAIL else text[:_HEAD] + "\n" + text[-_TAIL:])
    if harness in CODING or prompt.codes or offers_coding_tools(tools):
        return (
            "world"
            if asks_about_a_world(wording) and evidence_in(wording, text[:_CODE_WINDOW]) < Evidence.REQUEST
            else "code"
        )
    if prompt.simulates:
        return "world"
    return _by_text(wording, text[:_CODE_WINDOW], conversation) if text else "chat"


def _is_autocomplete(path: str, data: dict[str, Any], words: str) -> bool:
    head, tail = words[:2000].lstrip(), words[-2000:]
    if path in ("/v1/completions", "/v1/completion"):
        return isinstance(data.get("suffix"), str) or (_FIM.search(head) or _FIM.search(tail)) is not None
    if head[:1] in ("<", "[") and _FIM.match(head):
        return True
    return words[-40:].rstrip()[-1:] in (">", "]") and _FIM_AT_END.search(words[-60:]) is not None


def _by_text(wording: Wording, head: str, conversation: Conversation) -> str:
    if asks_for_a_title(wording):
        return "title"
    evidence = evidence_in(wording, head)
    if evidence is Evidence.STRUCTURE:
        return "code"
    if asks_for_a_summary(wording, conversation.media.files > 0, conversation.turns):
        return "summary"
    if evidence is Evidence.REQUEST:
        return "code"
    if asks_about_a_world(wording):
        return "world"
    return "code" if evidence is Evidence.WORDS else "chat"
