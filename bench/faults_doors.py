"""The doors as an OpenAPI schema, for schemathesis: FastAPI's own schema has only the pages beside them.

Loose on purpose. It says enough for most requests to come past the first check, so that those behind it are reached;
schemathesis itself adds what breaks each of these types.
"""

from __future__ import annotations

from typing import Any

__all__ = ["doors"]

ANYTHING: dict[str, Any] = {}
TEXT = {"type": "string"}
MODEL = {"type": "string", "enum": ["auto", "good", "b", ""]}
PART = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["text", "image_url", "input_audio", "file", "input_text", "tool_result"]},
        "text": TEXT,
        "image_url": {"anyOf": [TEXT, {"type": "object", "properties": {"url": TEXT}}]},
        "source": ANYTHING,
        "content": ANYTHING,
    },
}
MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {"anyOf": [TEXT, {"type": "array", "items": PART}, {"type": "null"}]},
        "tool_calls": {"type": "array", "items": ANYTHING},
        "tool_call_id": TEXT,
    },
}
TOOL = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["function", "custom"]},
        "name": TEXT,
        "function": {"type": "object", "properties": {"name": TEXT, "parameters": ANYTHING}},
        "input_schema": ANYTHING,
    },
}
COMMON = {
    "model": MODEL,
    "stream": {"type": "boolean"},
    "temperature": {"type": "number"},
    "max_tokens": {"type": "integer"},
    "max_completion_tokens": {"type": "integer"},
    "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
    "tools": {"type": "array", "items": TOOL},
    "response_format": {"type": "object", "properties": {"type": TEXT, "json_schema": ANYTHING}},
    "metadata": ANYTHING,
    "prompt_cache_key": TEXT,
    "cache": ANYTHING,
}
MESSAGES = {"type": "array", "items": MESSAGE}
TEXTS = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
BODIES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "chat/completions": ({"messages": MESSAGES}, ["messages"]),
    "messages": ({"messages": MESSAGES, "system": {"anyOf": [TEXT, {"type": "array", "items": PART}]}}, ["messages"]),
    "messages/count_tokens": ({"messages": MESSAGES}, []),
    "responses": ({"input": {"anyOf": [TEXT, {"type": "array", "items": MESSAGE}]}, "instructions": TEXT}, ["input"]),
    "completions": ({"prompt": TEXTS}, ["prompt"]),
    "embeddings": ({"input": TEXTS}, ["input"]),
    "rerank": ({"query": TEXT, "documents": {"type": "array", "items": TEXT}}, []),
    "moderations": ({"input": TEXTS}, []),
    "audio/speech": ({"input": TEXT, "voice": TEXT}, []),
    "images/generations": ({"prompt": TEXT}, []),
}
FORM = {
    "type": "object",
    "properties": {"model": MODEL, "file": {"type": "string", "format": "binary"}, "language": TEXT},
}
HEADERS = [
    {"name": name, "in": "header", "required": False, "schema": TEXT}
    for name in ("x-session-id", "x-task", "cache-control", "user-agent", "traceparent", "anthropic-beta")
]
ANY_ANSWER = {"default": {"description": "any"}}


def doors() -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for name, (fields, required) in BODIES.items():
        schema = {"type": "object", "properties": {**COMMON, **fields}, "required": required}
        paths[f"/v1/{name}"] = {"post": _operation("application/json", schema)}
    for name in ("audio/transcriptions", "files", "images/edits"):
        paths[f"/v1/{name}"] = {"post": _operation("multipart/form-data", FORM)}
    paths["/v1/models"] = {"get": {"responses": ANY_ANSWER}}
    inside = [{"name": "name", "in": "path", "required": True, "schema": TEXT}]
    for path in ("/v1/models/{name}", "/v1/{name}"):
        paths[path] = {"get": {"parameters": inside, "responses": ANY_ANSWER}}
    paths["/v1/files/{name}"] = {"delete": {"parameters": inside, "responses": ANY_ANSWER}}
    return {"openapi": "3.1.0", "info": {"title": "The doors", "version": "1"}, "paths": paths}


def _operation(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    body = {"required": True, "content": {kind: {"schema": schema}}}
    return {"parameters": HEADERS, "requestBody": body, "responses": ANY_ANSWER}
