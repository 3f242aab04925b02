"""The results as data, and the table of docs/clients.md made of them: `python -m tests.harnesses.report`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.harnesses.driving import Outcome
from tests.harnesses.install import CLIENTS

__all__ = ["table", "write"]

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "clients-results.json"
PAGE = ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- the table -->\n", "<!-- end of the table -->\n"
COLUMNS = ("chat", "tools", "image", "title", "429", "cut", "llama.cpp")
DIALECTS = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}


def write(outcomes: list[Outcome]) -> None:
    """Keep these, beside older ones of clients that were not run, and make the table anew."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    today = time.strftime("%Y-%m-%d")
    for name in dict.fromkeys(outcome.client for outcome in outcomes):
        own = [outcome.as_json() for outcome in outcomes if outcome.client == name]
        kept[name] = {"version": CLIENTS[name].version, "date": today, "outcomes": own}
    kept = {name: kept[name] for name in CLIENTS if name in kept}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + BEGIN + table(kept) + END + rest.partition(END)[2])


def table(results: dict[str, Any]) -> str:
    """In Markdown, and below it a sentence for each scenario that did not end in the answer."""
    lines = ["| client | dialect | known as | " + " | ".join(COLUMNS) + " | routes taken | seen |"]
    lines.append("| --- " * (len(COLUMNS) + 5) + "|")
    notes: list[str] = []
    for name, result in results.items():
        by = {outcome["scenario"]: outcome for outcome in result["outcomes"]}
        requests = [record for outcome in result["outcomes"] for record in outcome["requests"]]
        cells = [_cell(name, by[column], notes) if column in by else "" for column in COLUMNS]
        seen = [
            f"{name} {result['version']}",
            _distinct(DIALECTS.get(record["path"], record["path"]) for record in requests),
            _distinct(record["harness"] for record in requests),
            *cells,
            _distinct(record["route"] for record in requests),
            result["date"],
        ]
        lines.append("| " + " | ".join(seen) + " |")
    return "\n".join(lines) + "\n\n" + "".join(f"{number}. {note}\n" for number, note in enumerate(notes, 1)) + "\n"


def _cell(name: str, outcome: dict[str, Any], notes: list[str]) -> str:
    client, scenario, verdict = CLIENTS[name], outcome["scenario"], outcome["verdict"]
    if verdict == "not installed":
        return f"no ({_noted(notes, f'{name}: not installed: {client.absent}.')})"
    if verdict == "lacks":
        return "–" if scenario == "title" else f"– ({_noted(notes, f'{name}, {scenario}: {client.lacks[scenario]}.')})"
    if verdict == "ok":
        if scenario == "llama.cpp" and not any(record["backend"] == "llama" for record in outcome["requests"]):
            return f"next ({_noted(notes, f'{name}, {scenario}: {_why(outcome)}.')})"
        return "yes"
    known = client.deviates.get(scenario)
    return f"no ({_noted(notes, f'{name}, {scenario}: {known.note if known else verdict}.')})"


def _why(outcome: dict[str, Any]) -> str:
    """What Signalbox logged of llama.cpp, and what its server logged."""
    attempts = [attempt for record in outcome["requests"] for attempt in record["attempts"]]
    reasons = _distinct(reason for backend, reason in attempts if backend == "llama")
    return f"Signalbox: {reasons}; the server: {outcome['llama']}"


def _noted(notes: list[str], note: str) -> int:
    """Its number, the same for the same words."""
    if note not in notes:
        notes.append(note)
    return notes.index(note) + 1


def _distinct(values: Any) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))


if __name__ == "__main__":
    write([])
