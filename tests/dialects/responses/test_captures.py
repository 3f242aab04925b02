"""Requests recorded from real clients are read, and what matters in them arrives."""

from __future__ import annotations

import json
from typing import Any

from router.dialects.neutral import Began, Called, Ended, Image, Said, Text, ToolResult
from router.dialects.responses import Responses
from tests.captures import needed
from tests.dialects.responses.client import accumulated, sse


def recorded() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What is known of each request to /v1/responses, and its body."""
    folder = needed()
    lines = [json.loads(line) for line in (folder / "INDEX.jsonl").read_text().splitlines()]
    return [
        (line, json.loads((folder / line["file"]).read_text())["body"])
        for line in lines
        if line["path"].endswith("/responses") and line["method"] == "POST"
    ]


def test_each_is_read_with_its_tools_its_pictures_and_its_last_words() -> None:
    requests = recorded()
    assert len({line["harness"] for line, _ in requests}) > 5
    for line, body in requests:
        dialect = Responses(body)
        prompt = dialect.prompt
        offered = [tool for tool in body.get("tools", []) if tool["type"] not in dialect.left_out]
        inner = sum(len(tool["tools"]) for tool in offered if tool["type"] == "namespace")
        spaces = sum(tool["type"] == "namespace" for tool in offered)
        assert len(prompt.tools) == len(offered) - spaces + inner, line["file"]
        assert len(prompt.tools) + len(dialect.left_out) == (line["n_tools"] or 0), line["file"]
        pictures = [turn.role for turn in prompt.turns for part in turn.parts if isinstance(part, Image)]
        pictures += ["tool" for turn in prompt.turns for result in turn.parts if isinstance(result, ToolResult)
                     for part in result.parts if isinstance(part, Image)]  # fmt: skip
        assert pictures == line["images"], line["file"]
        said = [
            part.text for turn in prompt.turns if turn.role == "user" for part in turn.parts if isinstance(part, Text)
        ]
        words = (line["last_user_text"] or "").strip()[:40]
        assert any(words in text for text in said), line["file"]
        system = sum(len(part.text) for turn in prompt.turns if turn.role in ("system", "developer")
                     for part in turn.parts if isinstance(part, Text))  # fmt: skip
        assert abs(system - line["system_chars"]) < 20, line["file"]
        assert prompt.stream == bool(line["stream"])


def test_each_gets_an_answer_that_the_openai_package_reads() -> None:
    for line, body in recorded():
        dialect = Responses(body)
        calls = [Called(index, f"c{index}", tool.name) for index, tool in enumerate(dialect.prompt.tools)]
        stream = sse(dialect, [Began("1", "m", 1), Said("Hello"), *calls, Ended("tool_calls")])
        output = accumulated(stream).output[1:]
        assert len(output) == len(calls), line["file"]
        spaces = {tool["name"] for tool in body.get("tools", []) if tool["type"] == "namespace"}
        assert {item.namespace for item in output if item.namespace} == spaces, line["file"]  # type: ignore[union-attr]
