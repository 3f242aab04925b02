"""Each client installed once, into a folder of its own outside of the tree: `python -m tests.harnesses.install`.

It needs pip and npm as this machine has them set up; nothing else of `make test-clients` reaches outside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CLIENTS", "Client", "Deviation", "installed"]

PATIENCE = 900.0
"""Seconds for one install."""
ROOM = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "signalbox" / "clients"


@dataclass(frozen=True)
class Deviation:
    """How a scenario ends that does not end in the answer: all of it has to be so."""

    note: str
    """For the page."""
    exit: int
    printed: str = ""
    """A regular expression, which is found in the end of what was printed."""
    logged: tuple[str, ...] = ()
    """ROUTE STATUS OUTCOME of each request that Signalbox logged, sorted."""
    llama: str = ""
    """A regular expression, which is found in the errors that llama.cpp's server logged."""


@dataclass(frozen=True)
class Client:
    """An entry of clients.toml, which tells what each field means."""

    name: str
    npm: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    python: str = ""
    why: str = ""
    programs: str = ""
    setup: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    script: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    titles: bool = False
    absent: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)
    deviates: Mapping[str, Deviation] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Of the first package, which is the client."""
        package = (self.npm or self.pip)[0]
        return package.rpartition("==" if self.pip else "@")[2]

    @property
    def folder(self) -> Path:
        return ROOM / f"{self.name}-{self.version}"

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        return self.folder / (self.programs or ("bin" if self.pip else "node_modules/.bin"))


def _read() -> dict[str, Client]:
    listed = tomllib.loads(Path(__file__).with_name("clients.toml").read_text())
    return {
        name: Client(name, **{key: _given(key, value) for key, value in entry.items()})
        for name, entry in listed.items()
    }


def _given(key: str, value: Any) -> Any:
    if key == "deviates":
        return {
            scenario: Deviation(**{name: _given(name, it) for name, it in seen.items()})
            for scenario, seen in value.items()
        }
    return tuple(value) if isinstance(value, list) else value


CLIENTS = _read()


def installed(client: Client) -> str:
    """Install it where it is not; "" when it is there, else the last that the installer said."""
    done = client.folder / ".installed"
    if done.is_file() and done.read_text() == _wanted(client):
        return ""
    shutil.rmtree(client.folder, ignore_errors=True)
    client.folder.mkdir(parents=True)
    for command in _commands(client):
        try:
            run = subprocess.run(command, cwd=client.folder, capture_output=True, text=True, timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if run.returncode:
            return _errors(run.stderr or run.stdout)[-400:]
    done.write_text(_wanted(client))
    return ""


def _errors(said: str) -> str:
    """Without the warnings before them, where the installer marks its errors."""
    lines = said.strip().splitlines()
    return "\n".join([line for line in lines if line.lower().startswith(("error", "npm error"))] or lines)


def _wanted(client: Client) -> str:
    return "\n".join((*client.npm, *client.pip, client.python))


def _commands(client: Client) -> list[list[str]]:
    if client.npm:
        return [["npm", "install", "--prefix", ".", "--no-audit", "--no-fund", "--loglevel=error", *client.npm]]
    pip = ["bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *client.pip]
    return [[_python(client.python), "-m", "venv", "."], pip]


def _python(version: str) -> str:
    """A Python of this version: in the PATH, or one that pyenv keeps."""
    if not version:
        return sys.executable
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return str(kept[-1]) if kept else f"python{version}"


def main() -> int:
    """Install those named, or all; one line each."""
    failed = 0
    for name in sys.argv[1:] or list(CLIENTS):
        fault = installed(CLIENTS[name])
        print(f"{name:16} {CLIENTS[name].version:12} {'not installed: ' + fault if fault else 'installed'}", flush=True)
        failed += bool(fault)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
