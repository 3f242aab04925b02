"""The running signal box: the rules in force and the backends they name, swapped as a whole."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from router.accounts.keys import Keys
from router.backends.contract import Backend
from router.backends.registry import build
from router.cache.cache import Cache
from router.config.facts import Facts
from router.config.problems import RulesError
from router.config.watch import Watcher
from router.routing.rulebook import Rulebook, open_rules, read_rules
from router.routing.session import Sessions
from router.settings import Settings
from router.telemetry.metrics import Metrics
from router.telemetry.record import Record

__all__ = ["Box", "State"]

log = logging.getLogger("signalbox")

LOOK_AROUND = 10.0
"""Seconds between two looks at what is on this machine, while there is no rules file."""


@dataclass(frozen=True, slots=True)
class State:
    """What one request sees from its beginning to its end, however often the rules change meanwhile."""

    rulebook: Rulebook
    backends: dict[str, Backend]
    facts: dict[str, Facts]
    strict_models: bool
    own_names: frozenset[str]
    """Names that are ours and no model's: `auto`, backends, aliases, and the empty one."""


@dataclass(slots=True)
class Box:
    """One process's state. `open()` before the first request, `close()` after the last."""

    settings: Settings
    rulebook: Rulebook
    keys: Keys = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)
    sessions: Sessions = field(default_factory=Sessions)
    cache: Cache = field(init=False)
    state: State = field(init=False)
    rejected: str | None = None
    """Why the rules file on disk is not the one in force; None when it is."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.keys = Keys(self.settings.keys)
        settings, failures = self.settings, self.metrics.cache_failures
        url = settings.redis_url.get_secret_value() if settings.redis_url is not None else None
        self.cache = Cache(url, settings.cache_bytes, lambda reason: failures.labels(reason).inc())

    async def open(self) -> None:
        """Build and start the backends, begin to watch the rules file."""
        self.state = self._state(self.rulebook, {})
        self.metrics.valid.set(1)
        await self.cache.open(self.rulebook.rules)
        for backend in self.state.backends.values():
            await backend.start()
        loaded = self.rulebook.loaded
        # Rules made from what is on this machine give way to a file as soon as there is one.
        watcher = Watcher(loaded.file, loaded.digest) if loaded is not None else Watcher(Path("signalbox.yaml"))
        self._tasks.append(asyncio.create_task(self._watch(watcher)))
        if loaded is None:
            self._tasks.append(asyncio.create_task(self._look_around()))

    async def close(self) -> None:
        """Stop watching, close the backends."""
        for task in self._tasks:
            task.cancel()
        for backend in self.state.backends.values():
            await backend.close()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self.cache.close()

    async def reload(self, rulebook: Rulebook) -> None:
        """Put new rules in force between two requests. A backend whose settings are unchanged lives on, with its
        connections, its loaded model and what it has learned; one that is gone closes when its answers have ended."""
        old = self.state.backends
        state = self._state(rulebook, old)
        fresh = [backend for name, backend in state.backends.items() if backend is not old.get(name)]
        for backend in fresh:
            await backend.start()
        await self.cache.open(rulebook.rules)
        self.state, self.rulebook = state, rulebook
        for name, backend in old.items():
            if state.backends.get(name) is not backend:
                task = asyncio.create_task(backend.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
        log.info(
            "rules reloaded: %d routes, %d backends (%d new)",
            len(rulebook.rules.routes),
            len(state.backends),
            len(fresh),
        )

    def record(self, record: Record) -> None:
        """A request has ended."""
        self.metrics.count(record)
        if record.cache:
            self.cache.results[record.cache] += 1

    def why_not_ready(self) -> list[str]:
        """Empty when at least one backend can serve; else a sentence for each."""
        facts = self.state.facts.values()
        if any(fact.up for fact in facts):
            return []
        if not facts:
            return ["the rules name no backend"]
        return [f"{fact.name}: {fact.fault or 'not asked yet'}" for fact in facts]

    def _state(self, rulebook: Rulebook, running: dict[str, Backend]) -> State:
        backends: dict[str, Backend] = {}
        for name, spec in rulebook.rules.backends.items():
            if name not in rulebook.facts:
                continue  # optional, and left out
            old = running.get(name)
            if old is not None and old.fingerprint == spec.model_dump_json():
                backends[name] = old
            else:
                backends[name] = build(name, spec, rulebook.facts[name])
        rulebook.facts.update((name, backend.facts) for name, backend in backends.items())
        return State(
            rulebook=rulebook,
            backends=backends,
            facts=rulebook.facts,
            strict_models=rulebook.rules.strict_models,
            own_names=frozenset(("", *rulebook.plan.names())),
        )

    async def _watch(self, watcher: Watcher) -> None:
        async for content in watcher:
            try:
                # Off the loop: a long file takes tens of milliseconds to parse.
                rulebook = await asyncio.to_thread(read_rules, content, watcher.path, os.environ)
                await self.reload(rulebook)
            except RulesError as error:
                self._reject(str(error))
            except Exception as error:  # a fault of ours must not end the watching; the old rules keep serving
                log.exception("the new rules could not be put in force")
                self._reject(f"{type(error).__name__}: {error}")
            else:
                self.rejected = None
                self.metrics.valid.set(1)
                self.metrics.reloads.labels("applied").inc()

    async def _look_around(self) -> None:
        """Without a rules file, a server that is started later, or a model file put there, is found too."""
        while self.rulebook.loaded is None:
            await asyncio.sleep(LOOK_AROUND)
            rulebook = await asyncio.to_thread(open_rules, None, os.environ)
            if self.rulebook.loaded is None and rulebook.loaded is None and rulebook.rules != self.rulebook.rules:
                await self.reload(rulebook)

    def _reject(self, why: str) -> None:
        self.rejected = why
        self.metrics.valid.set(0)
        self.metrics.reloads.labels("refused").inc()
        log.error("the rules file was changed but is not valid; the old rules keep serving:\n%s", why)
