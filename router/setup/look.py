"""Which servers, models, files and keys are here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from router.backends.servers import msty
from router.backends.servers.openai import entries
from router.checkup import server
from router.checkup.patient import Patient
from router.config.backend import HttpBackend
from router.config.discover import CLOUDS, SERVERS, Cloud, abilities
from router.config.known import is_elsewhere

__all__ = ["Around", "Seen", "around"]

OWN = 4000
"""Where a Signalbox listens that nobody told otherwise."""
PATIENCE = 2.0
"""Seconds for each answer: a machine that is at work is slow to tell its models."""
_NAME = re.compile(r"[\w][\w .:/@+-]{0,199}", re.ASCII)
"""A model's name that is taken over. `${…}` in a rules file stands for a variable, and a server that listed such a
name would be sent what is in it."""
MOST = 40
"""Models of one server that are looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One server that lists models."""

    program: str
    """`llama.cpp`, `ollama`, `lm-studio`, `vllm`, `tofy`, or `server`."""
    title: str
    url: str
    models: tuple[str, ...]

    @property
    def name(self) -> str:
        """For a backend of it."""
        return "msty" if self.title.startswith("Msty") else self.program.replace(".", "-")


@dataclass(frozen=True, slots=True)
class Around:
    """All that was found."""

    servers: tuple[Seen, ...] = ()
    files: tuple[Path, ...] = ()
    """GGUF files for chat, under models/."""
    clouds: tuple[tuple[Cloud, str], ...] = ()
    """Each with the variable that holds its key."""
    redis: bool = False
    signalbox: bool = False
    """One runs here already."""


async def around(environ: Mapping[str, str], directory: Path, ports: tuple[int, ...] | None = None) -> Around:
    """Look at the usual ports (all at once), keys and `models/*.gguf`. Raises nothing for what is not there."""
    numbers = ports if ports is not None else tuple(sorted({*(each.port for each in SERVERS), *msty.PORTS, OWN}))
    seen = [one for one in await asyncio.gather(*map(_at, numbers)) if one is not None]
    return Around(
        tuple(one for one in seen if one.program != "signalbox"),
        tuple(_files(directory / "models")),
        tuple((cloud, name) for cloud in CLOUDS if (name := _variable(cloud, environ)) is not None),
        bool(environ.get("REDIS_URL") or environ.get("SIGNALBOX_REDIS_URL")),
        any(one.program == "signalbox" for one in seen),
    )


async def _at(port: int) -> Seen | None:
    url = f"http://127.0.0.1:{port}/v1"
    patient = Patient(f"port {port}", HttpBackend(url=url), PATIENCE)
    try:
        there, heard = await server.reachable(patient)
        listed = [name for entry in entries(heard.status, heard.body) if _usable(name := entry["id"])]
        if there.state == "failure" or not listed:
            return None
        await server.recognise(patient)
        if patient.program == "Ollama":  # with a model's name, its folder tells whether it is Msty's
            patient.spec = patient.spec.model_copy(update={"model": listed[0]})
            await server.recognise(patient)
        return Seen(
            patient.told.server or "server", patient.program or f"a server on port {port}", url, tuple(listed[:MOST])
        )
    finally:
        await patient.close()


def _usable(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not is_elsewhere(name)


def _files(directory: Path) -> list[Path]:
    try:
        found = sorted(directory.glob("*.gguf"))
    except OSError:
        return []
    return [
        file for file in found if not file.name.startswith(("mmproj", "ggml-vocab")) and "chat" in abilities(file.stem)
    ]


def _variable(cloud: Cloud, environ: Mapping[str, str]) -> str | None:
    return next((name for name in cloud.variables if environ.get(name)), None)
