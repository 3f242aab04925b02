"""One client driven through one scenario, and what came of it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.harnesses.alone import NOWHERE
from tests.harnesses.box import WORDS, Box
from tests.harnesses.install import Client
from tests.harnesses.model import prompt
from tests.harnesses.picture import png

__all__ = ["SCENARIOS", "Outcome", "at_llama", "drive", "furnish"]

SCENARIOS = ("chat", "tools", "image", "429", "cut", "llama.cpp")
HERE = Path(__file__).parent
PATIENCE = 180.0
"""Seconds for one run."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\r")
LEAST = 2
"""Different words that llama.cpp has said at least."""
TRIES = 3
"""Its tiny model sometimes ends before: then it is asked again."""
SILENT = "what llama.cpp said was not printed"
TOO_LONG = "exceed context window"
"""What llama.cpp's server logs of a request that its context has no room for."""
KEPT = 600
"""Characters of what was printed that are kept, from its end."""


@dataclass
class Outcome:
    """Of one scenario. `verdict`: `ok`, the answer was printed; `lacks`, not tried; else what was amiss."""

    client: str
    scenario: str
    verdict: str
    seconds: float = 0.0
    exit: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    """In the order of their ends: route, backend, harness, path, status, outcome, attempts."""
    printed: str = ""
    llama: str = ""
    """Why llama.cpp's server gave no answer, where it was asked for one: its own words."""

    def as_json(self) -> dict[str, Any]:
        """Without what was printed, which tells of this machine."""
        return {name: value for name, value in asdict(self).items() if name != "printed"}


def furnish(client: Client, home: Path, box: Box) -> None:
    """Its HOME as a user would have it; RuntimeError with what its setup said when that failed."""
    model = HERE / "homes" / client.name
    if model.is_dir():
        shutil.copytree(model, home, dirs_exist_ok=True)
        for file in home.rglob("*"):
            if file.is_file():
                file.write_text(file.read_text().replace("@url@", box.proxy.url))
    if client.setup:
        code, printed = _run(_filled(client.setup, home, home, box, ""), client, home, home, box, {})
        if code:
            raise RuntimeError(f"{client.setup[0]} could not be set up: {printed[-KEPT:]}")


def drive(client: Client, scenario: str, home: Path, box: Box) -> Outcome:
    """Run it once; where llama.cpp said next to nothing, up to TRIES times."""
    if scenario in client.lacks:
        return Outcome(client.name, scenario, "lacks")
    for number in range(1, TRIES + 1):
        outcome = _once(client, scenario, home / f"work-{scenario}-{number}", home, box)
        if outcome.verdict != SILENT:
            break
    return outcome


def _once(client: Client, scenario: str, work: Path, home: Path, box: Box) -> Outcome:
    work.mkdir()
    word, size = secrets.token_hex(4) + "q", (40 + secrets.randbelow(80), 121 + secrets.randbelow(80))
    task = scenario if scenario in ("tools", "image") else "chat"
    asked = prompt(task, word, str(work / "note.txt"))
    if scenario == "llama.cpp":
        asked = f"Ask llama.cpp. {asked}"
    _lay_out(client, work, word, size)
    before, logged = len(box.said()), box.llama.size()
    box.backends.fault = scenario if scenario in ("429", "cut") else ""
    words = {"tools": client.tools, "image": client.image}.get(scenario) or client.run or _script(client)
    given = {"TASK": task, "PROMPT": asked, "SIGNALBOX_URL": box.proxy.url}
    began = time.monotonic()
    code, printed = _run(_filled(words, home, work, box, asked), client, home, work, box, given)
    taken = time.monotonic() - began
    time.sleep(0.3)  # the last record is written once its connection is done
    said = box.said()[before:]
    wanted = f"{size[0]}x{size[1]}" if scenario == "image" else word[::-1]
    why = "; ".join(box.llama.errors(logged)) if scenario == "llama.cpp" else ""
    verdict = _verdict(scenario, code, printed, wanted, said, box)
    if scenario == "llama.cpp" and verdict == "ok":
        verdict = at_llama(said, why)
    requests = [_short(record) for record in said]
    tail = printed[-KEPT:].replace(str(home), "~").replace(str(client.folder), "…")
    return Outcome(client.name, scenario, verdict, round(taken, 1), code, requests, tail, why)


def _verdict(scenario: str, code: int, printed: str, wanted: str, said: list[dict[str, Any]], box: Box) -> str:
    if code == -1:
        return f"not ended after {PATIENCE:.0f} s"
    if not said:
        return "no request came"
    if scenario in ("429", "cut") and box.backends.fault:
        return "the fault was not asked for"
    if scenario == "llama.cpp" and any(record["backend"] == "llama" and record["outcome"] == "ok" for record in said):
        known = [word for word in re.findall(r"[a-z]+", printed) if word in WORDS]
        return "ok" if len(set(known)) >= LEAST else SILENT
    if wanted not in printed:
        return f"no answer, exit code {code}"
    return "ok" if code == 0 else f"the answer, and exit code {code}"


def at_llama(said: list[dict[str, Any]], why: str) -> str:
    """Of a client that has its answer: `ok` also when the request was too long for the server, by the server's word."""
    tried = [reason for record in said for backend, reason in record["attempts"] if backend == "llama"]
    if not tried:
        return "llama.cpp was not asked"
    if None in tried or TOO_LONG in why:
        return "ok"
    return f"llama.cpp: {', '.join(dict.fromkeys(tried))}"


def _short(record: dict[str, Any]) -> dict[str, Any]:
    names = ("route", "backend", "harness", "path", "status", "outcome", "stream", "attempts")
    return {name: record.get(name) for name in names}


def _lay_out(client: Client, work: Path, word: str, size: tuple[int, int]) -> None:
    (work / "note.txt").write_text(f"The codeword is {word}.\n")
    (work / "picture.png").write_bytes(png(*size))
    for script in (HERE / "scripts").glob("given.*"):
        shutil.copy(script, work)
    if client.script:
        shutil.copy(HERE / "scripts" / client.script, work)
        if client.npm:
            (work / "node_modules").symlink_to(client.folder / "node_modules")


def _script(client: Client) -> tuple[str, ...]:
    return ("python" if client.pip else "node", client.script)


def _filled(words: tuple[str, ...], home: Path, work: Path, box: Box, asked: str) -> list[str]:
    put = {"home": str(home), "work": str(work), "url": box.proxy.url, "root": box.proxy.root}
    put |= {"prompt": asked, "picture": str(work / "picture.png")}
    return [re.sub(r"\{(\w+)\}", lambda found: put[found[1]], word) for word in words]


def _run(words: list[str], client: Client, home: Path, work: Path, box: Box, given: dict[str, str]) -> tuple[int, str]:
    """Exit code, -1 when it had to be ended, and what it printed on both outputs."""
    there = {name: _filled((value,), home, work, box, "")[0] for name, value in client.env.items()}
    environment = {
        "HOME": str(home),
        "PATH": f"{client.bin}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "TMPDIR": str(home),
        **NOWHERE,
        **there,
        **given,
    }
    output = work / "printed.log"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            words,
            executable=shutil.which(words[0], path=environment["PATH"]),
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return code, ESCAPES.sub("", output.read_text(errors="replace"))
