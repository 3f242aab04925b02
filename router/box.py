"""The running signal box: the rules in force and the backends they name, swapped as a whole."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from router.accounts.bills import Bills
from router.accounts.keyring import Keyring
from router.accounts.ledger import Ledger, data_dir
from router.attempts.retry import Budget
from router.backends.contract import Backend
from router.backends.registry import build
from router.cache.cache import Cache
from router.config.facts import Facts
from router.config.known import is_loopback_host
from router.config.problems import RulesError
from router.config.provider import provider_of, server_of
from router.config.schema import Rules
from router.config.watch import Watcher
from router.dialects.responses.store import Store
from router.limits.turnstile import Turnstile
from router.routing.rulebook import Rulebook, open_rules, read_rules
from router.routing.session import Sessions
from router.settings import Settings
from router.telemetry.conventions import Provider
from router.telemetry.log import RequestLog
from router.telemetry.metrics import Metrics
from router.telemetry.record import Record
from router.telemetry.store import Gauge
from router.telemetry.tracing import open_spans
from router.telemetry.workers import Workers

if TYPE_CHECKING:
    from router.telemetry.spans import Spans

__all__ = ["Box", "State"]

log = logging.getLogger("signalbox")

CIRCUIT = {"closed": 0.0, "half-open": 1.0, "open": 2.0}

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
    bills: Bills
    answers: Store | None = None
    """Of Responses, those that are kept to be gone on from; None where none are."""


@dataclass(slots=True)
class Box:
    """One process's state. `open()` before the first request, `close()` after the last."""

    settings: Settings
    rulebook: Rulebook
    keyring: Keyring = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)
    ledger: Ledger | None = None
    """None before `open`, and where it cannot be written."""
    sessions: Sessions = field(default_factory=Sessions)
    retries: Budget = field(init=False)
    cache: Cache = field(init=False)
    state: State = field(init=False)
    workers: Workers = field(init=False)
    turnstile: Turnstile = field(init=False)
    lines: RequestLog | None = None
    """None where requests are not logged."""
    spans: Spans | None = None
    """None where no traces are wanted."""
    rejected: str | None = None
    """Why the rules file on disk is not the one in force; None when it is."""
    reloaded: float = field(default_factory=time.time)
    """When the rules in force were put in force, seconds of the epoch."""
    reload_seconds: float = 0.0
    """What it took, from the content read to the backends started; 0 before the first time."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        keys = {alias: key.get_secret_value() for alias, key in self.settings.keys.items()}
        admin = self.settings.admin_key.get_secret_value() if self.settings.admin_key is not None else None
        self.keyring = Keyring(keys, closed=not is_loopback_host(self.settings.host.strip("[]")), admin=admin)
        self.cache = self._cache()
        self.retries = Budget(self.metrics.unretried.add)
        self.turnstile = Turnstile(self._redis_url)
        self.metrics.add(*gauges(self))
        self.metrics.knows, self.metrics.before = self._knows, self._count_work
        self.workers = Workers(self.metrics.told)
        if self.settings.log in ("debug", "info"):
            self.lines = RequestLog(machine=self.settings.logs_json)

    async def open(self) -> None:
        """Build and start the backends, begin to watch the rules file."""
        self.state = self._state(self.rulebook, {})
        await self.cache.open(self.rulebook.rules)
        self.ledger = await asyncio.to_thread(self._open_ledger)
        self.keyring.take(self.rulebook.rules.keys)
        await self.keyring.open(data_dir(self.settings.data_dir))
        await self.turnstile.open(self.rulebook.rules, self.ledger, data_dir(self.settings.data_dir))
        await self.workers.open()
        self.spans = await asyncio.to_thread(open_spans, self._provider)
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
        self.keyring.close()
        for backend in self.state.backends.values():
            await backend.close()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self.cache.close()
        await self.turnstile.close()
        await self.workers.close()
        if self.spans is not None:
            await asyncio.to_thread(self.spans.close)
        if self.lines is not None:
            await self.lines.close()
        if self.ledger is not None:
            await asyncio.to_thread(self.ledger.close)

    async def reload(self, rulebook: Rulebook) -> None:
        """Put new rules in force between two requests. A backend whose settings are unchanged lives on, with its
        connections, its loaded model and what it has learned; one that is gone closes when its answers have ended."""
        self._count_work()  # of backends that go
        old = self.state.backends
        state = self._state(rulebook, old)
        fresh = [backend for name, backend in state.backends.items() if backend is not old.get(name)]
        for backend in fresh:
            await backend.start()
        await self.cache.open(rulebook.rules)
        await self.turnstile.use(rulebook.rules)
        self.state, self.rulebook, self.reloaded = state, rulebook, time.time()
        self.keyring.take(rulebook.rules.keys)
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
        if record.cost is None:
            self.state.bills.close(record)
        self.metrics.count(record)
        for paid in record.unwanted:
            self.metrics.count_unwanted(paid)
            if self.ledger is not None:
                self.ledger.add(paid)
        if record.rejected:
            self._wish(record)
        if (backend := self.state.backends.get(record.backend)) is not None:
            backend.slots.answered(record)
        if record.cache:
            self.cache.results[record.cache] += 1
        if self.ledger is not None:
            self.ledger.add(record)
        self.turnstile.ended(record, self.state.facts)
        if self.lines is not None:
            self.lines.add(record)
        if self.spans is not None:
            self.spans.end(record)

    def _wish(self, record: Record) -> None:
        """Backends that it would have gone to, had they not been down."""
        for name, gate in record.rejected:
            if gate == "health" and (backend := self.state.backends.get(name)) is not None:
                backend.wanted()

    def _cache(self) -> Cache:
        limit = self.settings.cache_bytes
        return Cache(self._redis_url, limit, self.metrics.cache_failures.add, self.metrics.kept)

    @property
    def _redis_url(self) -> str | None:
        url = self.settings.redis_url
        return url.get_secret_value() if url is not None else None

    def _open_ledger(self) -> Ledger | None:
        settings = self.settings
        folder = data_dir(settings.data_dir)
        try:
            return Ledger(folder, days=settings.ledger_days, size=settings.ledger_size)
        except (OSError, sqlite3.Error) as error:
            log.warning("there is no ledger of requests: %s (%s)", folder, error)
            return None

    def _knows(self, backend: str, model: str) -> bool:
        facts = self.state.facts.get(backend)
        return facts is not None and (model == facts.model or model in facts.models)

    def _count_work(self) -> None:
        """What models in process have computed since the last time, and how often circuits were opened."""
        for name, backend in self.state.backends.items():
            if backend.work is not None:
                for counter, amount in zip(self.metrics.work, backend.work.take(), strict=True):
                    counter.add(name, by=amount)
            if backend.circuit is not None:
                for reason, times in backend.circuit.take():
                    self.metrics.circuit_opened.add(name, reason, by=times)

    def _provider(self, backend: str) -> Provider:
        spec = self.state.rulebook.rules.backends.get(backend)
        if spec is None:  # the rules were changed meanwhile
            return Provider("unknown")
        return Provider(provider_of(spec), *server_of(spec), in_process=spec.kind in ("gguf", "world"))

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
            bills=Bills(rulebook.rules),
            answers=self._answers(rulebook.rules),
        )

    def _answers(self, rules: Rules) -> Store | None:
        """What is kept stays when the rules change, as far as it still may."""
        wanted = rules.responses.store
        if wanted is False:
            return None
        kept = getattr(self, "state", None)
        store = (kept.answers if kept is not None else None) or Store(1, 0, 0)
        store.entries, store.size, store.ttl = wanted.entries, wanted.megabytes * 1_000_000, wanted.ttl
        return store

    async def _watch(self, watcher: Watcher) -> None:
        async for content in watcher:
            began = perf_counter()
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
                self.rejected, self.reload_seconds = None, perf_counter() - began
                self.metrics.reloads.add("applied")

    async def _look_around(self) -> None:
        """Without a rules file, a server that is started later, or a model file put there, is found too."""
        while self.rulebook.loaded is None:
            await asyncio.sleep(LOOK_AROUND)
            rulebook = await asyncio.to_thread(open_rules, None, os.environ)
            if self.rulebook.loaded is None and rulebook.loaded is None and rulebook.rules != self.rulebook.rules:
                await self.reload(rulebook)

    def _reject(self, why: str) -> None:
        self.rejected = why
        self.metrics.reloads.add("refused")
        log.error("the rules file was changed but is not valid; the old rules keep serving:\n%s", why)


def gauges(box: Box) -> Iterator[Gauge]:
    """What of the running box is read when the metrics are asked for."""

    def up() -> Iterator[tuple[tuple[str, ...], float]]:
        return (((name,), 0.0 if facts.up is False else 1.0) for name, facts in box.state.facts.items())

    def queues(what: str) -> Callable[[], Iterator[tuple[tuple[str, ...], float]]]:
        return lambda: (((name,), float(getattr(backend.slots, what))) for name, backend in box.state.backends.items())

    def slots() -> Iterator[tuple[tuple[str, ...], float]]:
        for name, backend in box.state.backends.items():
            if backend.slots.parallel is not None:
                yield (name,), float(backend.slots.parallel)

    def loads() -> Iterator[tuple[tuple[str, ...], float]]:
        for name, backend in box.state.backends.items():
            if backend.work is not None and backend.work.load_seconds:
                yield (name,), backend.work.load_seconds

    def circuits() -> Iterator[tuple[tuple[str, ...], float]]:
        for name, backend in box.state.backends.items():
            if backend.circuit is not None:
                yield (name,), CIRCUIT[backend.circuit.state]

    def revision() -> Iterator[tuple[tuple[str, ...], float]]:
        loaded = box.rulebook.loaded
        yield (loaded.digest[:12] if loaded is not None else "found",), 1.0

    def cached() -> Iterator[tuple[tuple[str, ...], float]]:
        if (up := box.cache.up) is not None:
            yield (), float(up)

    yield Gauge(
        "signalbox_backend_up", "1 when the backend can be asked, 0 when it is down.", ("backend",), up, "least"
    )
    yield Gauge(
        "signalbox_backend_circuit",
        "The circuit breaker: 0 closed, 1 half open, 2 open.",
        ("backend",),
        circuits,
        "most",
    )
    yield Gauge("signalbox_backend_busy", "Requests that a backend works on.", ("backend",), queues("busy"))
    yield Gauge("signalbox_queue_depth", "Requests that wait for a backend.", ("backend",), queues("waiting"))
    yield Gauge("signalbox_backend_slots", "Requests that a backend may work on at once.", ("backend",), slots)
    yield Gauge("signalbox_model_load_seconds", "What loading a model in process took.", ("backend",), loads, "most")
    yield Gauge(
        "signalbox_config_reload_seconds",
        "What putting the last change of the rules in force took; 0 before the first.",
        (),
        lambda: [((), box.reload_seconds)],
        "most",
    )
    yield Gauge(
        "signalbox_config_valid",
        "1 when the rules file on disk is the one in force.",
        (),
        lambda: [((), float(box.rejected is None))],
        "least",
    )
    yield Gauge(
        "signalbox_config_reload_timestamp_seconds",
        "When the rules in force were put in force.",
        (),
        lambda: [((), box.reloaded)],
        "least",
    )
    yield from box.turnstile.gauges()
    yield Gauge("signalbox_cache_up", "1 when the cache can be asked.", (), cached, "least")
    yield Gauge("signalbox_config_revision", "Constant 1, by a hash of the rules.", ("revision",), revision, "least")
