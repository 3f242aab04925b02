"""What an error says is wrong with the request, in the words of the servers that say it.

An error is a stranger's text, and part of it may be the client's own: it can only choose among the repairs that are
listed here, a field only by a name of DROPPABLE, and what it chooses must change this very request, else nothing was
taught. What stands in the request itself, too, is taught for this request only (`speaks_so`). The patterns run in RE2,
in linear time, over a text of bounded length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import re2

from router.config.repair import TokensField
from router.repair.needs import DROPPABLE, NOTHING, Needs, all_of, dropping

__all__ = ["ENOUGH", "SHARE", "TEACHING", "Lesson", "lessons", "speaks_so"]

LOOKED_AT = 16 * 1024
"""Bytes of an error in which the words are looked for."""
LOOKED_THROUGH = 512 * 1024
"""Characters of a request in which they are looked for before its lesson is kept for others."""
MOST_FIELDS = 32
"""Fields that one error may name."""

REFUSED = frozenset({400, 422})
"""Statuses that speak of the request."""
TEACHING = REFUSED | {500}
"""llama.cpp tells an exception of the chat template with 500 (ggml-org/llama.cpp#27367), llama_cpp.server every
fault."""

SHARE = 8
ENOUGH = 256
"""An answer that would be shorter than both an eighth of the context and so many tokens is not worth asking for: then
the prompt is too long, and another backend may have more room. The gates reckon alike."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One way to repair what was said; the first that changes the request is taken."""

    needs: Needs
    room: int | None = None
    """Tokens that this very prompt leaves for the answer: good for this request only."""
    once: bool = False
    """It speaks of what this request says, and of no other: of a value, of fields that do not go together."""


def _compiled(*patterns: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    return re2.compile("|".join(patterns), options)


_DEVELOPER = _compiled(
    r"unknown variant .developer",  # DeepSeek (earendil-works/pi#1048)
    r"tag .developer. found using",  # pydantic: vLLM, Qwen's cloud (bramses/chatgpt-md#189)
    r"\binput['\"]: ?['\"]developer['\"]",  # llama_cpp.server 0.3, in a list of pydantic's faults, with 500
    r"input should be 'system', 'user'",  # DeepInfra (earendil-works/pi#1578)
    r"does not support 'developer'",  # OpenAI's o1-mini
    r"unexpected (?:message )?role",  # templates of Qwen and others (peonist-ai/halogen-server#3)
    r"\brole\b[^.{}]{0,60}\bdeveloper\b",
    r"\bdeveloper\b[^.{}]{0,60}\brole\b",
)
_ONE_SYSTEM = _compiled(
    r"system message must be at the beginning",  # Qwen 3.5 and on (vllm-project/vllm#41114, ggml-org/llama.cpp#27367)
    r"system messages? (?:must|should|can only|may only)\b[^.{}]{0,40}(?:first|beginning|start|once|one)",
    r"(?:only|at most) one system message",
    r"unexpected role 'system' after role",  # Mistral's API and mistral-common
    r"roles are supported, got system",  # Ministral 3 reads the first, refuses the next (anomalyco/opencode#5034)
)
_NO_SYSTEM = _compiled(
    r"system role (?:is )?not supported",  # Gemma and Gemma 2 (sgl-project/sglang#892)
    r"only user and assistant roles are supported",  # Mistral 7B (Mintplex-Labs/anything-llm#2914)
    r"roles are supported, got system",
    r"unsupported value: 'messages\[\d+\]\.role' does not support 'system'",  # OpenAI's o1-mini
)
_ALTERNATE = _compiled(
    r"roles must alternate",  # Gemma, Llama 2, Mistral (ggml-org/llama.cpp#19851)
    r"messages?(?:\(s\))? should alternate",  # Perplexity
    r"unexpected role 'user' after role 'user'",
)
_PLAIN = _compiled(
    r"invalid type: sequence, expected a string",  # DeepSeek and others in Rust (BerriAI/litellm#6642)
    r"input should be a valid string",  # pydantic (tbphp/gpt-load#743)
    r"str type expected",  # pydantic 1
    r"type must be string, but is array",  # llama.cpp before it knew parts (tmc/langchaingo#667)
    r"cannot unmarshal array into go struct field \S*content of type string",  # Ollama before (ollama/ollama#3824)
    r"expected str instance, list found",  # templates that join (anomalyco/opencode#25031)
    r"content'?: expected a string, but got an array",  # OpenAI's assistants
    r"content: proto field is not repeating",  # Friendli (vercel/ai#1754)
)
_FILLED = _compiled(
    r"invalid message content type: <nil>",  # Ollama (SAIL-Research-Lab/cheetahclaws#72)
    r"'content' field must be a string or an array",  # LM Studio (lmstudio-ai/lmstudio-bug-tracker#261)
    r"content'?: expected a string, got null",  # OpenAI, where no tool is called (vercel/ai#14950)
    r"invalid type: null, expected",  # in Rust
    r"input should be a valid string",
)

_PATH = r"['\"`]?([a-z_]+(?:\[?\.?\w+\]?){0,6})['\"`]?"
_FIELDS = [
    # Groq: a part of a message, named for itself (janhq/jan#8136).
    (_compiled(r"'messages\.\d+' : property '(\w+)' is unsupported"), "messages[]."),
    # Cerebras (openclaw/openclaw#51058), Groq (fanenr/chatbot#21).
    (_compiled(rf"\bproperty {_PATH} is unsupported"), ""),
    # pydantic's list of faults: Mistral (charmbracelet/crush#1590), vLLM when it forbids (1Panel-dev/MaxKB#2912).
    (_compiled(r"extra_forbidden[^{}]{0,200}?\bloc['\"]: ?[\[(]([^\])]{1,200})[\])]"), ""),
    (_compiled(r"\bloc['\"]: ?[\[(]([^\])]{1,200})[\])][^{}]{0,200}?extra_forbidden"), ""),
    # Anthropic (caozhiyuan/copilot-api#145).
    (_compiled(rf"{_PATH}: extra inputs are not permitted"), ""),
    # OpenAI and Azure.
    (_compiled(rf"unsupported parameter: {_PATH}"), ""),
    (_compiled(rf"unsupported value: {_PATH}[^{{}}]{{0,120}}?only the default"), ""),
    (_compiled(rf"unknown parameter: {_PATH}"), ""),
    # Gemini's OpenAI endpoint (liliMozi/openhanako#394).
    (_compiled(r'unknown name "(\w+)": cannot find field'), ""),
    (_compiled(r'unknown name "(\w+)" at \'messages\['), "messages[]."),
    (_compiled(r'unknown name "(\w+)" at \'tools\['), "tools[]."),
    # xAI (n8n-io/n8n#14581, BerriAI/litellm#16265), in its own spelling.
    (_compiled(r"argument not supported on this model: (\w+)"), ""),
    (_compiled(r"does not support parameter (\w+)"), ""),
    # Rust's serde.
    (_compiled(r"unknown field ['\"`](\w+)['\"`]"), ""),
]
_OF_THIS = [
    # OpenAI: an effort that one model does not know, a field that goes with another.
    (_compiled(rf"unsupported value: {_PATH}"), ""),
    (_compiled(rf"the {_PATH} parameter is only allowed when"), ""),
]
"""Those that say nothing of the requests of others."""
_LISTED = _compiled(r"unrecognized request arguments? supplied: ([\w, ]{1,300})")
"""OpenAI, in an older wording."""
_EFFORT = _compiled(
    # OpenAI and Azure; with the values first, it names the field in `param` alone.
    r"unsupported value: ['\"`]reasoning_effort['\"`]",
    r"invalid value: '\w+'\. supported values are[^{}]{1,200}\breasoning_effort\b",
    r"['\"`]?reasoning_effort['\"`]? must be one of",  # Groq
    r"\bloc['\"]: ?[\[(][^\])]{0,40}\breasoning_effort['\"][\])][^{}]{0,40}\bmsg['\"]: ?['\"]input should be",  # vLLM
    r"literal_error[^{}]{0,100}\breasoning_effort\b",
    r"invalid reasoning value: ",  # Ollama, and for a model that only thinks in grades
    r"think value \S{1,20} is not supported for this model",
)
"""How much is to be thought, where the field is known and what stands in it is not: `none`, mostly."""
_MOST = _compiled(
    r"supports at most (\d{1,9}) completion tokens",  # OpenAI (tailcallhq/forgecode#1185)
    r"max(?:_completion)?_tokens: \d+ > (\d{1,9}), which is the maximum",  # Anthropic
    r"valid range of max(?:_completion)?_tokens is \[\d+, ?(\d{1,9})\]",  # DeepSeek
    r"max(?:_completion)?_tokens['\"`]? must be (?:less than or equal to|at most) ['\"`]?(\d{1,9})",  # Groq
)
_LONGEST = r"maximum context length is (?P<context>\d{1,9}) tokens"
# The context, and what the prompt takes of it: vLLM in its versions (the second is OpenAI's too),
# Anthropic.
_ROOM = [
    _compiled(_LONGEST + r" and your request has (?P<prompt>\d{1,9}) input tokens"),
    _compiled(_LONGEST + r"\. however, you requested [^.]{0,80}?\((?P<prompt>\d{1,9}) in (?:the messages|your prompt)"),
    _compiled(_LONGEST + r"\. however, you requested [^.]{0,80}?prompt contains (?:at least )?(?P<prompt>\d{1,9})"),
    _compiled(
        r"passed (?P<prompt>\d{1,9}) input tokens and requested \d+ output tokens\. "
        r"however, the model's context length is only (?P<context>\d{1,9})"
    ),
    _compiled(r"exceed context limit: (?P<prompt>\d{1,9}) \+ \d+ > (?P<context>\d{1,9})"),
]
_RENAMED: dict[str, TokensField] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
_UPPER = re2.compile(r"([a-z])([A-Z])")


def lessons(status: int, body: bytes) -> Iterator[Lesson]:
    """What an error teaches, the likeliest first; nothing for one that speaks of something else."""
    if status not in TEACHING:
        return
    yield from _read(status, _bare(body[:LOOKED_AT].decode("utf-8", "replace")))


def _bare(text: str) -> str:
    """Errors within errors are escaped anew by each that passes them on."""
    return text.replace("\\n", " ").replace("\\", "")


def _read(status: int, text: str) -> Iterator[Lesson]:
    if status in REFUSED:
        if _EFFORT.search(text):
            yield Lesson(dropping("reasoning_effort"), once=True)
        if (fields := _refused(text)) is not None:
            yield Lesson(fields)
        if (fields := _named(text, _OF_THIS)) != NOTHING:
            yield Lesson(fields, once=True)
        yield from _lengths(text)
    yield from _of_messages(text)


def speaks_so(request: Any) -> bool:
    """Does the client itself say what teaches something as an error? Servers repeat what they refuse, and then a client
    would decide what becomes of the requests of others. True as well for one that is too long to be looked at."""
    texts: list[str] = []
    left, waiting = LOOKED_THROUGH, [request]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            left -= len(each)
            texts.append(each)
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
        if left < 0:
            return True
    text = "}{".join(texts).encode("utf-8", "replace").decode()  # no pattern reaches over a brace
    return next(_read(400, _bare(text)), None) is not None


def _of_messages(text: str) -> Iterator[Lesson]:
    if _DEVELOPER.search(text):
        yield Lesson(Needs(developer=True))
    if _ONE_SYSTEM.search(text):
        yield Lesson(Needs(system="one"))
    if _NO_SYSTEM.search(text):
        yield Lesson(Needs(system="none"))
    if _ALTERNATE.search(text):
        yield Lesson(Needs(alternate=True))
        yield Lesson(Needs(alternate=True, system="one"))
    if _PLAIN.search(text):
        yield Lesson(Needs(plain=True))
    if _FILLED.search(text):
        yield Lesson(Needs(filled=True))


def _lengths(text: str) -> Iterator[Lesson]:
    if (found := _MOST.search(text)) is not None:
        most = next(int(each) for each in found.groups() if each is not None)
        if most:
            yield Lesson(Needs(most=most))
    for pattern in _ROOM:
        if (found := pattern.search(text)) is not None:
            context, prompt = int(found["context"]), int(found["prompt"])
            if (room := context - prompt) >= min(ENOUGH, context // SHARE):
                yield Lesson(Needs(fits=True), room)


def _refused(text: str) -> Needs | None:
    """The fields that are named as refused."""
    known = _named(text, _FIELDS)
    if (found := _LISTED.search(text)) is not None:
        known |= all_of(_without(name.strip()) for name in found[1].split(","))
    return None if known == NOTHING else known


def _named(text: str, patterns: Sequence[tuple[re2._Regexp, str]]) -> Needs:
    known = NOTHING
    for pattern, start in patterns:
        for found in islice(pattern.finditer(text), MOST_FIELDS):
            known |= _without(start + _plain_path(found[1]))
    return known


def _without(path: str) -> Needs:
    if path in _RENAMED:
        return Needs(tokens_field=_RENAMED[path])
    return Needs(drop=frozenset({path})) if path in DROPPABLE else NOTHING


def _plain_path(told: str) -> str:
    """`body.tools[0].function.strict`, or `"body", "tools", 0, …`, as `tools[].strict`; a part of another field as that
    field."""
    for sign in "[](),'\"`":
        told = told.replace(sign, ".")
    parts = [part.strip() for part in told.split(".")]
    parts = [part for part in parts if part and not part.isdigit() and part != "body"]
    if not parts:
        return ""
    if parts[0] in ("tools", "messages") and len(parts) > 1:
        return f"{parts[0]}[].{parts[-1]}"
    return _snake(parts[0])


def _snake(name: str) -> str:
    return str(_UPPER.sub(r"\1_\2", name)).lower()
