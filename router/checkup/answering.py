"""Checks that make a model answer: does a tool call work, does it stream, do images arrive, how long is a vector."""

from __future__ import annotations

import re
from typing import Any

import orjson

from router.checkup.patient import Heard, Patient
from router.checkup.picture import data_url, square
from router.checkup.result import Result, failure, fine, warning
from router.wire.sse import event_data, split_events

__all__ = ["embeds", "images", "streams", "tool_call"]

CHAT = "/v1/chat/completions"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ROOM = 512
"""Tokens of an answer: some models think before they call a tool."""
WRITTEN = re.compile(r"<tool_call>|<function|\[TOOL_CALLS\]|<\|tool|get_weather\s*\(|\"name\"\s*:\s*\"get_weather\"")
"""How models write a call that their server does not understand."""
BUFFERED = 500.0
"""Milliseconds of silence before all of a stream comes at once, from which on that is told."""


async def tool_call(patient: Patient) -> Result:
    """One tool, and a question that asks for it."""
    question = "What is the weather in Oslo? Use the tool."
    said = _asked(patient, question, max_tokens=ROOM) | {"tools": [TOOL], "tool_choice": "auto"}
    heard = await patient.post(CHAT, said)
    title = "tool call"
    if heard.status != 200:
        return _unanswered(title, patient, heard, _TOOLS_REFUSED.get(patient.told.server or "", _NO_TOOLS))
    choice = _choice(heard)
    message = choice.get("message") if isinstance(choice.get("message"), dict) else {}
    assert isinstance(message, dict)
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        return _called(title, calls[0], heard)
    text = message.get("content")
    text = text if isinstance(text, str) else ""
    if WRITTEN.search(text):
        fix = "add `repair_tool_calls: true` to this backend, or serve a model with its own chat template"
        return failure(title, f"the call comes as text: {text[:60]}", fix, heard.took)
    if choice.get("finish_reason") == "length":
        return warning(title, f"no call within {ROOM} tokens", "look at what it thinks for so long", heard.took)
    fix = "agents need a model trained to call tools; say `tools: false` here, and they go elsewhere"
    return warning(title, f"no call, but words: {text[:60]}", fix, heard.took)


_NO_TOOLS = "say `tools: false` for this backend, and requests with tools go elsewhere"
_TOOLS_REFUSED = {
    "llama.cpp": "start it with --jinja: llama-server --jinja -m model.gguf",
    "vllm": "start it with --enable-auto-tool-choice --tool-call-parser PARSER, which depends on the model",
}


def _called(title: str, call: Any, heard: Heard) -> Result:
    function = call.get("function") if isinstance(call, dict) else None
    function = function if isinstance(function, dict) else {}
    name, arguments = function.get("name"), function.get("arguments")
    try:
        given = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        given = None
    if name != "get_weather" or not isinstance(given, dict):
        fix = "a larger model or a finer quantization; or say `tools: false` for this backend"
        return failure(title, f"called {name} with arguments that are no JSON object", fix, heard.took)
    return fine(title, f"called get_weather({', '.join(f'{k}={v!r}' for k, v in given.items())})"[:80], heard.took)


async def streams(patient: Patient) -> Result:
    """A short answer, piece by piece."""
    title = "stream"
    said = _asked(patient, "Count from one to ten.", max_tokens=32) | {"stream": True}
    if patient.spec.stream_usage:
        said["stream_options"] = {"include_usage": True}
    heard = await patient.post(CHAT, said)
    if heard.status != 200:
        fix = "say `stream_usage: false` for this backend" if "stream_options" in heard.error else _LOOK
        return _unanswered(title, patient, heard, fix)
    events, done = _events(heard.body)
    if not events:
        fix = "clients that stream wait for the whole answer; look for a newer version of the server"
        return failure(title, "answers whole, and not in events", fix, heard.took)
    if not done:
        fix = "clients take it for cut off and ask again; look for a newer version of the server"
        return failure(title, "ends without [DONE]", fix, heard.took)
    pieces, when = sum(map(_has_content, events)), _moments(heard)
    if pieces > 4 and len(when) == 1 and when[0] > BUFFERED:
        fix = "something between here and the model gathers the answer; nginx: proxy_buffering off;"
        return warning(title, f"{pieces} pieces, all at once after {when[0]:,.0f} ms", fix, heard.took)
    detail = f"{pieces} {'piece' if pieces == 1 else 'pieces'}, the first after {when[0]:,.0f} ms"
    if patient.spec.stream_usage and not any(isinstance(event.get("usage"), dict) for event in events):
        fix = "nothing is wrong: tokens of streams are estimated; newer servers tell them"
        return warning(title, f"{detail}; no usage", fix, heard.took)
    return fine(title, detail, heard.took)


async def images(patient: Patient) -> Result:
    """A red square. That its colour is not named is remarked on, and is no failure."""
    title = "image"
    content = [
        {"type": "text", "text": "Which colour is this square? Answer with one word."},
        {"type": "image_url", "image_url": {"url": data_url(square(255, 0, 0))}},
    ]
    heard = await patient.post(CHAT, _asked(patient, content, max_tokens=ROOM))
    if heard.status != 200:
        fix = "say `accepts: [text]` here, or serve the model's projector too: llama-server --mmproj mmproj.gguf"
        return _unanswered(title, patient, heard, fix)
    message = _choice(heard).get("message")
    text = message.get("content") if isinstance(message, dict) else None
    text = text if isinstance(text, str) else ""
    if "red" in text.lower():
        return fine(title, "sees that a red square is red", heard.took)
    return fine(title, f"takes one, and does not say that a red square is red: {text[:60]!r}", heard.took)


async def embeds(patient: Patient) -> Result:
    """One vector."""
    title = "embedding"
    heard = await patient.post("/v1/embeddings", {"model": patient.model or "", "input": "a signal box"})
    if heard.status != 200:
        return _unanswered(title, patient, heard, "serve an embedding model there: ollama pull nomic-embed-text")
    data = heard.data.get("data")
    first = data[0] if isinstance(data, list) and data else None
    vector = first.get("embedding") if isinstance(first, dict) else None
    if not isinstance(vector, list) or not vector:
        return failure(title, "the answer holds no vector", _LOOK, heard.took)
    return fine(title, f"{len(vector):,} dimensions", heard.took)


_LOOK = "look at the log of the server"


def _asked(patient: Patient, content: Any, *, max_tokens: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    return {"model": patient.model or "", "messages": messages, "max_tokens": max_tokens, "temperature": 0}


def _unanswered(title: str, patient: Patient, heard: Heard, fix: str) -> Result:
    """Patience, the key or the server are at fault, or what was asked for: `fix`."""
    if heard.status in (401, 403):
        return failure(title, heard.error, f"the key of {patient.name} is not taken: see `api_key`", heard.took)
    if heard.status == 429:
        return warning(title, heard.error, "the provider's limit or the account's balance: look there", heard.took)
    if patient.silent:
        more = f"signalbox doctor --patience {patient.patience * 6:g} {patient.name}"
        if patient.told.loaded is False:
            return warning(title, f"{heard.error}: the model has to be loaded first", more, heard.took)
        return failure(title, heard.error, more, heard.took)
    if heard.status in (0, 500, 502, 503, 504):
        return failure(title, heard.error, _LOOK, heard.took)
    return failure(title, heard.error, fix, heard.took)


def _choice(heard: Heard) -> dict[str, Any]:
    choices = heard.data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _events(body: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The objects, and whether `[DONE]` ended them."""
    texts = [event_data(event).strip() for event in split_events(body)[0]]
    found = []
    for text in texts:
        try:
            event = orjson.loads(text) if text and text != b"[DONE]" else None
        except ValueError:
            continue
        if isinstance(event, dict):
            found.append(event)
    return found, b"[DONE]" in texts


def _has_content(event: dict[str, Any]) -> bool:
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    delta = first.get("delta") if isinstance(first, dict) else None
    return isinstance(delta, dict) and any(delta.get(key) for key in ("content", "reasoning_content", "reasoning"))


def _moments(heard: Heard) -> list[float]:
    """Milliseconds at which something came; what came within two of each other, came at once."""
    moments: list[float] = []
    for moment, _ in heard.pieces:
        if not moments or moment - moments[-1] > 2:
            moments.append(moment)
    return moments or [heard.first]
