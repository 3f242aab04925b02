"""Requests with the task they stand for: written ones from YAML, recorded ones from the captures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from router.api.paths import canonical
from router.request.envelope import Envelope, Headers
from router.request.signals import Signals
from tests.captures import folder

__all__ = ["HARNESS_LABELS", "Labelled", "captures", "confusion", "written"]

HERE = Path(__file__).parent
HARNESS_LABELS = {"openai-python-sdk": "openai-python"}
"""Labels of the recordings that are spelled otherwise than in HARNESSES."""

_BY_PATH = {
    "/v1/embeddings": "embed",
    "/v1/audio/transcriptions": "transcribe",
    "/v1/audio/speech": "speech",
    "/v1/images/generations": "image",
}
_BY_AUX = {"title": "title", "commit-message": "title", "compaction": "summary"}


class Labelled(NamedTuple):
    """One request, the task it stands for, the harness that sent it (None: not labelled), and a name to print."""

    signals: Signals
    task: str
    harness: str | None
    name: str


def written(file: str) -> list[Labelled]:
    """The cases of `task_cases.yaml` or `task_heldout.yaml`."""
    return [_from_case(case) for case in yaml.safe_load((HERE / file).read_text("utf-8"))]


def _from_case(case: dict[str, Any]) -> Labelled:
    path = case.get("path", "/v1/chat/completions")
    body = case.get("body") or _body(case, path)
    envelope = Envelope(path=path, data=body, headers=Headers.of(case.get("headers", {})))
    return Labelled(
        Signals(envelope), case["task"], None, json.dumps(case.get("user") or body, ensure_ascii=False)[:160]
    )


def _body(case: dict[str, Any], path: str) -> dict[str, Any]:
    if path == "/v1/completions":
        return {"model": "auto", "prompt": case["user"]}
    turns: list[dict[str, Any]] = [{"role": "system", "content": case["system"]}] if "system" in case else []
    for text in case.get("before", ()):
        turns += [{"role": "user", "content": text}, {"role": "assistant", "content": "Ok."}]
    turns.append({"role": "user", "content": case["user"]})
    body: dict[str, Any] = {"model": "auto", "input" if path.startswith("/v1/responses") else "messages": turns}
    if "tools" in case:
        body["tools"] = [{"type": "function", "function": {"name": name}} for name in case["tools"]]
    return body


def captures() -> Iterator[Labelled] | None:
    """Recorded POST requests with the labels of their index; None where no recordings are at hand."""
    place = folder()
    return None if place is None else _recorded(place)


def _recorded(place: Path) -> Iterator[Labelled]:
    for line in (place / "INDEX.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        if label["method"] != "POST":
            continue
        record = json.loads((place / label["file"]).read_text("utf-8"))
        path = canonical(label["path"]) or label["path"]
        headers = Headers.of(record["headers_map"])
        signals = Signals(Envelope(path=path, data=record.get("body") or {}, headers=headers))
        task = _BY_PATH.get(path) or _BY_AUX.get(label.get("aux") or "") or ("code" if label.get("coding") else "chat")
        harness = label.get("harness")
        yield Labelled(signals, task, HARNESS_LABELS.get(harness, harness) if harness else None, label["file"])


def confusion(cases: Iterable[Labelled]) -> tuple[float, str]:
    """Share of right tasks, and a table of wanted against found with the misses below it."""
    counts: dict[tuple[str, str], int] = {}
    misses = []
    for case in cases:
        found = case.signals.task
        counts[case.task, found] = counts.get((case.task, found), 0) + 1
        if found != case.task:
            misses.append(f"  {case.task} taken for {found}: {case.name}")
    names = sorted({name for pair in counts for name in pair})
    rows = [f"{'wanted / found':16}" + "".join(f"{name[:8]:>9}" for name in names)]
    for wanted in names:
        cells = "".join(f"{counts.get((wanted, found), 0) or '.':>9}" for found in names)
        rows.append(f"{wanted:16}{cells}")
    total = sum(counts.values())
    right = sum(count for (wanted, found), count in counts.items() if wanted == found)
    rows.append(f"{right} of {total} right ({right / max(1, total):.1%})")
    return right / max(1, total), "\n".join(rows + misses)
