"""Is a server there, and what does it say of itself?

It is asked at the start and when it comes back, then every five minutes while it has nothing else to do. In between it
is only knocked at: a connection is opened and closed. Small servers answer one request at a time (a question would
wait behind a long generation, and look like an outage), and `llama_cpp.server` even breaks off the answer it is
writing when another request comes. While it is down it is asked every two seconds, so that one that comes back is
used at once.

Fields are taken where their meaning is documented and are never guessed from each other: llama.cpp's `/props` gives
the context of a slot, vLLM's `max_model_len` the context it serves, OpenRouter's and others' `context_length` that of
the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Any, Protocol

import orjson

from router.config.facts import Facts
from router.wire.client import WireError

__all__ = ["Prober", "Server"]

log = logging.getLogger("signalbox.backends")

KNOCK_HERE, KNOCK_ELSEWHERE, ASK_DOWN, ASK_AGAIN = 15.0, 60.0, 2.0, 300.0
"""Seconds."""


NOT_NOW = (502, 503, 504)
"""Statuses by which a server, or the gateway before it, says that it cannot serve: llama.cpp while it loads. A 404 or
501 comes from one that has no list of models."""


class Server(Protocol):
    """What is asked."""

    async def fetch(self, path: bytes) -> tuple[int, bytes]:
        """GET a path: status and body. Raises WireError."""

    async def knock(self) -> None:
        """Open a connection and close it. Raises WireError."""

    @property
    def busy(self) -> bool:
        """It is answering a request of ours."""


class Prober:
    """Keeps the facts of one HTTP backend true."""

    def __init__(self, facts: Facts, server: Server, base: bytes):
        self.facts = facts
        self._server = server
        self._base = base
        """Path of its API."""
        self._context_is_said = facts.context is not None
        self._hurry = asyncio.Event()
        """Set when a request found the server gone: it is then asked for soon."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.get_running_loop().create_task(self._ask_again_and_again())

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    def unreachable(self, fault: str) -> None:
        """A request could not connect."""
        self._turn(False, fault)
        self._hurry.set()

    def reached(self) -> None:
        """A request was answered."""
        self._turn(True, None)

    def _turn(self, up: bool, fault: str | None) -> None:
        facts = self.facts
        before, facts.up, facts.fault = facts.up, up, fault
        if before is not None and before != up:
            log.info("%s is %s", facts.name, "up again" if up else f"down: {fault}")

    async def _ask_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        asked = 0.0
        while True:
            if self.facts.up is not True or (loop.time() - asked > ASK_AGAIN and not self._server.busy):
                await self.ask()
                asked = loop.time()
            elif not self._server.busy:
                await self._knock()
            self._hurry.clear()
            if self.facts.up is not False:
                await self._pause(KNOCK_HERE if self.facts.private else KNOCK_ELSEWHERE)
            if self.facts.up is False:
                await asyncio.sleep(ASK_DOWN * random.uniform(0.8, 1.2))

    async def _pause(self, length: float) -> None:
        """Ends early when a request finds the server gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(length * random.uniform(0.8, 1.2)):
                await self._hurry.wait()

    async def _knock(self) -> None:
        try:
            await self._server.knock()
        except WireError as error:
            self._turn(False, str(error))

    async def ask(self) -> None:
        """Ask once for the list of models and, where it is llama.cpp, for its context."""
        try:
            status, body = await self._server.fetch(self._base + b"/models")
        except WireError as error:
            self._unanswered(error)
            return
        if status in NOT_NOW:
            self._turn(False, f"answers with status {status}")
            return
        facts = self.facts
        note = ("the server refuses the api_key",) if status in (401, 403) else ()
        facts.notes = tuple(n for n in facts.notes if "api_key" not in n) + note
        self._turn(True, None)
        if status == 200:
            self._learn(body)
            await self._learn_props()

    def _unanswered(self, error: WireError) -> None:
        """Nobody there is down; whoever took the question and closed is there; silence may be a long generation."""
        if error.reason in ("connect", "tls"):
            self._turn(False, str(error))
        elif error.reason == "broken":
            self._turn(True, None)
        elif self.facts.up is not True:
            self.facts.up, self.facts.fault = None, str(error)

    def _learn(self, body: bytes) -> None:
        facts = self.facts
        entries = [entry for entry in _list(body) if isinstance(entry.get("id"), str)]
        facts.models = tuple(entry["id"] for entry in entries[:1000])
        if self._context_is_said:
            return
        entry = next((e for e in entries if e["id"] == facts.model), entries[0] if len(entries) == 1 else None)
        if entry is not None:
            meta = entry["meta"] if isinstance(entry.get("meta"), dict) else {}
            for value in (entry.get("max_model_len"), entry.get("context_length"), meta.get("n_ctx")):
                if isinstance(value, int) and value > 0:
                    facts.context = value
                    return

    async def _learn_props(self) -> None:
        if self._context_is_said:
            return
        try:
            status, body = await self._server.fetch(b"/props")
            props = orjson.loads(body) if status == 200 else {}
        except (WireError, ValueError):
            return
        settings = props.get("default_generation_settings") if isinstance(props, dict) else None
        context = settings.get("n_ctx") if isinstance(settings, dict) else None
        if isinstance(context, int) and context > 0:
            self.facts.context = context


def _list(body: bytes) -> list[dict[str, Any]]:
    try:
        answer = orjson.loads(body)
    except ValueError:
        return []
    data = answer.get("data") if isinstance(answer, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
