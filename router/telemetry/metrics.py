"""The metrics, all made from records. Labels come from closed lists, or from lists that are cut off: routes, backends,
models, aliases of keys, known clients, status classes; never free text."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import orjson
from prometheus_client.metrics_core import Metric

from router import __version__
from router.telemetry.record import Attempt, Record
from router.telemetry.store import Counter, Family, Gauge, Histogram, Snapshot, merged, page, snapshot
from router.telemetry.text import legible

__all__ = ["Metrics"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Times of language models: 5 ms to 10 minutes."""
OVERHEAD = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1)
SPEED = (1.0, 2.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0, 150.0, 250.0, 500.0, 1000.0)
"""Tokens per second: a large model in a small memory to the fastest clouds."""
WHO = ("route", "backend", "model", "key", "harness")
MOST_GROUPS = 2000
"""Combinations of WHO with a series of their own."""
MOST_NAMES = 100
"""Names of models that only clients have spoken, with series of their own."""
WORK = ("prompt_tokens", "prompt_seconds", "reused_tokens", "generated_tokens", "generation_seconds")

Group = tuple[str, str, str, str, str, int]


class Metrics:
    """One process's."""

    def __init__(self) -> None:
        self.requests = Counter("signalbox_requests", "Requests answered.", (*WHO, "status"))
        self.duration = Histogram(
            "signalbox_request_duration_seconds",
            "From the request read to the answer's end.",
            ("route", "backend"),
            SECONDS,
        )
        self.overhead = Histogram(
            "signalbox_overhead_seconds",
            "Time spent in the proxy itself, by phase.",
            ("phase",),
            OVERHEAD,
        )
        self.first = Histogram(
            "signalbox_time_to_first_token_seconds",
            "From the request read to the first piece of a stream that a backend made.",
            ("route", "backend"),
            SECONDS,
        )
        self.speed = Histogram(
            "signalbox_tokens_per_second", "Tokens of a stream after its first piece.", ("backend", "model"), SPEED
        )
        self.tokens = Counter("signalbox_tokens", "Tokens, told or estimated.", (*WHO, "type"))
        self.spend = Counter("signalbox_spend_usd", "US dollars.", (*WHO, "source"))
        self.baseline = Counter("signalbox_baseline_usd", "US dollars that the baseline model would have cost.", WHO)
        self.saved = Counter("signalbox_saved_usd", "US dollars less than the baseline, or spared by the cache.", WHO)
        self.unpriced = Counter(
            "signalbox_unpriced_requests", "Answers of models whose price is not known.", ("backend", "model")
        )
        self.latency = Histogram(
            "signalbox_backend_latency_seconds",
            "From a backend asked to the head of its answer, without the wait for its turn.",
            ("backend",),
            SECONDS,
        )
        self.queued = Histogram(
            "signalbox_queue_wait_seconds", "Waits for a turn, of those who had to wait.", ("backend",), SECONDS
        )
        self.cache_bytes = Counter(
            "signalbox_cache_bytes", "Bytes of answers that came out of the cache or were kept.", ("route", "result")
        )
        self.cache = Counter("signalbox_cache_requests", "Requests of routes with a cache.", ("route", "result"))
        self.limited = Counter(
            "signalbox_limit_refusals", "Requests refused by a limit, a budget or the guard.", ("limit", "key", "route")
        )
        self.matches = Counter("signalbox_rule_matches", "Requests that a route has decided.", ("route",))
        self.rejections = Counter("signalbox_gate_rejections", "Candidates that a gate held back.", ("backend", "gate"))
        self.attempts = Counter("signalbox_attempts", "Backends asked, by what came of it.", ("backend", "result"))
        self.circuit_opened = Counter(
            "signalbox_circuit_opened",
            "Times that a backend was left alone, by what it failed with.",
            ("backend", "reason"),
        )
        self.fallbacks = Counter(
            "signalbox_fallbacks", "A candidate failed and the next was asked.", ("from", "to", "reason")
        )
        self.retries = Counter(
            "signalbox_retries",
            "The same backend was asked again, by why the attempt before failed.",
            ("backend", "reason"),
        )
        self.hedges = Counter(
            "signalbox_hedges", "Two were asked, and the answer of one was not wanted.", ("backend", "beaten_by")
        )
        self.unretried = Counter(
            "signalbox_retries_refused", "Retries and hedges that the retry budget did not allow.", ()
        )
        self.repaired = Counter(
            "signalbox_repaired_tool_calls",
            "Answers in whose tool calls something was repaired, by what it was.",
            ("backend", "repair"),
        )
        self.cancelled = Counter("signalbox_cancelled", "Requests given up, by whom.", ("route", "backend", "by"))
        self.broken = Counter(
            "signalbox_streams_broken",
            "Streams that failed before their first content, or were cut after it.",
            ("route", "backend", "content"),
        )
        self.cache_failures = Counter(
            "signalbox_cache_failures", "Operations of the cache's Redis that failed or took too long.", ("reason",)
        )
        self.reloads = Counter(
            "signalbox_config_reloads", "Changes of the rules file seen.", ("result",), seen_by_all=True
        )
        self.work = [
            Counter(f"signalbox_model_{name}", f"Of models in process: {name.replace('_', ' ')}.", ("backend",))
            for name in WORK
        ]
        self.running = 0
        """Requests being answered."""
        self.families: list[Family] = [
            *(self.requests, self.duration, self.overhead, self.first, self.speed, self.tokens, self.spend),
            *(self.baseline, self.saved, self.unpriced, self.cache, self.matches, self.rejections, self.attempts),
            *(self.fallbacks, self.cancelled, self.broken, self.reloads, self.latency, self.queued, self.cache_bytes),
            self.repaired,
            *(self.cache_failures, self.retries, self.hedges, self.unretried, self.circuit_opened, self.limited),
            *self.work,
            Gauge("signalbox_requests_in_flight", "Requests being answered.", (), lambda: [((), self.running)]),
            Gauge("signalbox_build_info", "Constant 1.", ("version",), lambda: [((__version__,), 1.0)], "least"),
        ]
        self.knows: Callable[[str, str], bool] = lambda backend, model: False
        """Is this a model that the backend is known to have? Others are bounded by MOST_NAMES."""
        self.before: Callable[[], None] = lambda: None
        """Called before numbers are read: for who counts on his own."""
        self._series: dict[Group, _Series] = {}
        self._names: set[str] = set()

    def add(self, *gauges: Gauge) -> None:
        """Put what others know on the page."""
        self.families += gauges

    def count(self, record: Record) -> None:
        """Add one finished request."""
        self._of(record).count(record)
        if record.outcome == "refused" and (limit := record.limit):
            self.limited.add(limit, record.key or "", record.route)
        if record.rejected or record.outcome != "ok" or len(record.attempts) != 1:
            self._count_rare(record)
        for repair in record.repaired:
            self.repaired.add(record.backend, repair)
        if record.cache:
            self.cache.add(record.route, record.cache)
            if record.cache_bytes:
                self.cache_bytes.add(record.route, record.cache, by=record.cache_bytes)
            if record.cache_seconds:
                self.overhead.observe(self.overhead.cell("cache"), record.cache_seconds)

    def count_unwanted(self, record: Record) -> None:
        """Add the tokens and the money of an answer that was not given to the client."""
        self._of(record).count_bill(record)

    def _of(self, record: Record) -> _Series:
        group = (
            *(record.route, record.backend, record.model, record.key or "", record.harness),
            record.status // 100,
        )
        series = self._series.get(group)
        return self._made(group) if series is None else series

    def kept(self, route: str, size: int) -> None:
        """The cache has taken in an answer of so many bytes."""
        self.cache_bytes.add(route, "kept", by=size)

    def page(self, others: list[Snapshot]) -> bytes:
        """The exposition text, with what other workers have counted."""
        return page(self.read(others))[0]

    def read(self, others: list[Snapshot]) -> list[Metric]:
        """All numbers of now, for `store.page`."""
        self.before()
        return merged(self.families, others)

    def told(self, gauges: bool) -> bytes:
        """What this process has counted, for another's page."""
        self.before()
        return orjson.dumps(snapshot(self.families, gauges=gauges))

    def _made(self, group: Group) -> _Series:
        route, backend, model, key, harness, status = group
        named = self._named(backend, model)
        if len(self._series) >= MOST_GROUPS:
            named = key = harness = "other"
        if named == "other":
            group = (route, backend, named, key, harness, status)
            if (found := self._series.get(group)) is not None:
                return found
        model = legible(named)
        made = self._series[group] = _Series(self, (route, backend, model, key, harness), f"{status}xx")
        return made

    def _named(self, backend: str, model: str) -> str:
        """The model's name, or `other`: whoever may ask may invent names, and each would be kept for ever."""
        if model not in self._names and not self.knows(backend, model):
            if len(self._names) >= MOST_NAMES:
                return "other"
            self._names.add(model)
        return model

    def _count_rare(self, record: Record) -> None:
        for backend, gate in record.rejected:
            self.rejections.add(backend, gate)
        attempts = record.attempts
        for attempt in attempts[:-1]:
            self.attempts.add(attempt.backend, attempt.reason or "ok")
            if attempt.queued:
                self.queued.observe(self.queued.cell(attempt.backend), attempt.queued)
        for failed, following in itertools.pairwise(attempts):
            if failed.reason == "beaten":
                self.hedges.add(failed.backend, attempts[-1].backend)
            elif failed.backend == following.backend:
                self.retries.add(failed.backend, failed.reason or "")
            else:
                self.fallbacks.add(failed.backend, following.backend, failed.reason or "")
        if record.outcome == "cancelled":
            self.cancelled.add(record.route, record.backend, record.cancelled_by or "client")
        elif record.outcome == "broken":
            self.broken.add(record.route, record.backend, "after")
        if record.stream:
            failed_ones = [attempt for attempt in attempts if attempt.reason not in (None, "beaten")]
            for attempt in failed_ones[: -1 if record.outcome == "broken" else None]:
                self.broken.add(record.route, attempt.backend, "before")


class _Series:
    """The numbers that most requests of one group add to, looked up once."""

    def __init__(self, metrics: Metrics, who: tuple[str, str, str, str, str], status: str):
        route, backend, model, _, _ = who
        self._metrics = metrics
        self._who = who
        self._model = (backend, model)
        self._requests = metrics.requests.cell(*who, status)
        self._duration = metrics.duration.cell(route, backend)
        self._read = metrics.overhead.cell("read")
        self._decide = metrics.overhead.cell("decide")
        self._before = metrics.overhead.cell("before")
        self._after = metrics.overhead.cell("after")
        self._latency = metrics.latency.cell(backend) if backend else []
        self._asked: dict[str, list[float]] = {}
        self._first = metrics.first.cell(route, backend)
        self._speed = metrics.speed.cell(backend, model) if backend else []
        self._matches = metrics.matches.cell(route) if route else []
        self._tokens: dict[str, list[float]] = {}

    def count(self, record: Record) -> None:
        """Add one request."""
        metrics, started = self._metrics, record.started
        self._requests[0] += 1
        metrics.duration.observe(self._duration, record.ended - started)
        if record.decided:
            read = record.read or started
            metrics.overhead.observe(self._read, read - started)
            metrics.overhead.observe(self._decide, record.decided - read)
            if self._matches:
                self._matches[0] += 1
        if record.attempts and record.asked:
            metrics.overhead.observe(self._before, record.attempts[0].asked - started)
            self._count_last(record.attempts[-1])
        if record.received:
            metrics.overhead.observe(self._after, record.ended - record.received)
        if record.first and record.cache not in ("hit", "similar"):  # those say nothing of a backend
            metrics.first.observe(self._first, record.first - started)
        self.count_bill(record)

    def count_bill(self, record: Record) -> None:
        """Add tokens and money."""
        metrics = self._metrics
        if record.tokens is not None and record.cache not in ("hit", "joined", "similar"):
            self._count_tokens(record)
        if record.cost is not None:
            metrics.spend.add(*self._who, record.cost.source, by=record.cost.usd)
            if record.baseline:
                metrics.baseline.add(*self._who, by=record.baseline)
            if record.saved:
                metrics.saved.add(*self._who, by=record.saved)
        elif record.unpriced:
            metrics.unpriced.add(*self._model)

    def _count_last(self, attempt: Attempt) -> None:
        result = attempt.reason or "ok"
        cell = self._asked.get(result)
        if cell is None:
            cell = self._asked[result] = self._metrics.attempts.cell(attempt.backend, result)
        cell[0] += 1
        if attempt.answered:
            self._metrics.latency.observe(self._latency, attempt.answered - attempt.asked - attempt.queued)
        if attempt.queued:
            self._metrics.queued.observe(self._metrics.queued.cell(attempt.backend), attempt.queued)

    def _count_tokens(self, record: Record) -> None:
        tokens = record.tokens
        assert tokens is not None
        self._add("input", tokens.input)
        self._add("output", tokens.output)
        self._add("cached", tokens.cached)
        self._add("reasoning", tokens.reasoning)
        if record.first and tokens.output > 1 and record.ended > record.first and self._speed:
            self._metrics.speed.observe(self._speed, (tokens.output - 1) / (record.ended - record.first))

    def _add(self, kind: str, count: int) -> None:
        if count:
            cell = self._tokens.get(kind)
            if cell is None:
                cell = self._tokens[kind] = self._metrics.tokens.cell(*self._who, kind)
            cell[0] += count
