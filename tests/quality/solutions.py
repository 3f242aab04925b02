"""Right answers to every task, so that the tasks themselves are known to be solvable."""

from __future__ import annotations

import json
from typing import Any

from router.quality.coding import CODING
from router.quality.forms import SCHEMAS, TOOLS

__all__ = ["PROGRAMS", "right_answer"]

PROGRAMS = {
    "wagon_counts": """
def wagon_counts(text):
    counts = {}
    for part in filter(None, text.split(",")):
        number, letter = part.split("x")
        counts[letter] = counts.get(letter, 0) + int(number)
    return counts
""",
    "longest_run": """
from itertools import groupby
def longest_run(items):
    return max((len(list(group)) for _, group in groupby(items)), default=0)
""",
    "merge_spans": """
def merge_spans(spans):
    merged = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged
""",
    "roman": """
def roman(number):
    out = ""
    for value, word in ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
                        (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        while number >= value:
            out, number = out + word, number - value
    return out
""",
    "balanced": """
def balanced(text):
    open_ = []
    for character in text:
        if character in "([{":
            open_.append(character)
        elif character in ")]}" and (not open_ or open_.pop() + character not in ("()", "[]", "{}")):
            return False
    return not open_
""",
    "rotate": """
def rotate(items, n):
    if not items:
        return []
    n %= len(items)
    return items[-n:] + items[:-n] if n else list(items)
""",
    "seconds_of": """
import re
def seconds_of(text):
    match = re.fullmatch(r"(?:(\\d+)d)?(?:(\\d+)h)?(?:(\\d+)m)?(?:(\\d+)s)?", text)
    if not text or match is None:
        return "bad"
    return sum(int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1)))
""",
    "shortest_way": """
from collections import deque
def shortest_way(ways, start, goal):
    seen, queue = {start}, deque([(start, 0)])
    while queue:
        at, steps = queue.popleft()
        if at == goal:
            return steps
        for name in ways.get(at, []):
            if name not in seen:
                seen.add(name)
                queue.append((name, steps + 1))
    return -1
""",
    "wrap_words": """
def wrap_words(text, width):
    lines = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines
""",
    "transpose_text": """
from itertools import zip_longest
def transpose_text(lines):
    return ["".join(column).rstrip(" ") for column in zip_longest(*lines, fillvalue=" ")]
""",
    "top_words": """
import re
from collections import Counter
def top_words(text, n):
    counts = Counter(re.findall("[a-z]+", text.lower()))
    return sorted(([word, count] for word, count in counts.items()), key=lambda each: (-each[1], each[0]))[:n]
""",
    "next_version": """
def next_version(version, kind):
    major, minor, patch = map(int, version.split("."))
    if kind == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if kind == "minor" else f"{major}.{minor}.{patch + 1}"
""",
}


def right_answer(body: dict[str, Any]) -> dict[str, Any]:
    """The message that answers a question of the benchmark."""
    words = body["messages"][-1]["content"]
    for tool in TOOLS:
        if "tools" in body and tool.words == words:
            if tool.call is None:
                return {"role": "assistant", "content": "42"}
            function = {"name": tool.call, "arguments": json.dumps(tool.arguments)}
            call = {"index": 0, "id": "c1", "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
    for schema in SCHEMAS:
        if "response_format" in body and schema.words in words:
            return {"role": "assistant", "content": json.dumps(schema.values)}
    for task in CODING:
        if task.prompt == words:
            return {
                "role": "assistant",
                "content": f"<think>def {task.name}(): no</think>\n```python{PROGRAMS[task.name]}```",
            }
    return {"role": "assistant", "content": "one, two, three, " * 10}
