"""/docs: the pages beside the doors, described from their OpenAPI schema. One HTML text, nothing loaded from elsewhere:
FastAPI's own page fetches its scripts from the network, which a box that is kept offline does not have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1rem; margin: 2rem 0 0 } h2 code { font-size: 1.1rem } .method { color: #06c; font-weight: 700 }
pre { background: #8882; padding: .7rem 1rem; overflow-x: auto; border-radius: 4px } table { border-collapse: collapse }
td { padding: .1rem 1rem .1rem 0; vertical-align: top } p { margin: .3rem 0 }
"""


def page(schema: dict[str, Any], doors: str) -> str:
    """HTML for an OpenAPI schema; `doors` says in a sentence where the API itself is."""
    info = schema["info"]
    body = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(doors)} The schema of this page: <a href=/openapi.json>/openapi.json</a>.</p>",
    ]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            body += _operation(schema, path, method, operation)
    title = escape(info["title"])
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    return head + "\n".join(body) + "</html>"


def _operation(schema: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    name = f"<span class=method>{method.upper()}</span> <code>{escape(path)}</code>"
    yield f"<h2>{name} {escape(operation['summary'])}</h2>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "schema" not in content:
        return
    yield "<table>"
    for field, about in _resolved(schema, content["schema"])["properties"].items():
        cells = (field, _kind(about), about.get("description", ""))
        yield "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells)
    yield "</table>"
    body = json.dumps({"body": {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}})
    command = f"curl http://127.0.0.1:4000{path} -H 'content-type: application/json' -d '{body}'"
    yield f"<pre>{escape(command)}</pre>"


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    name = part.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["components"]["schemas"][name] if name else part
    return found


def _kind(field: dict[str, Any]) -> str:
    default = field.get("default")
    return str(field.get("type", "")) + (f", default {default}" if default else "")
