"""Prometheus metrics, all made from records. Labels come from closed lists: routes, backends, status classes."""

from __future__ import annotations

from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from router import __version__
from router.telemetry.record import Record

__all__ = ["Metrics"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Times of language models: 5 ms to 10 minutes."""
OVERHEAD = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1)


class _Series:
    """The children of one (route, backend, status class), looked up once: a request then only adds."""

    __slots__ = ("duration", "first", "input", "output", "overhead", "requests")

    def __init__(self, metrics: Metrics, route: str, backend: str, status: str):
        self.requests = metrics.requests.labels(route, backend, status)
        self.duration = metrics.duration.labels(route, backend)
        self.overhead = metrics.overhead.labels("before")
        self.first = metrics.first.labels(route, backend)
        self.input = metrics.tokens.labels(route, backend, "input")
        self.output = metrics.tokens.labels(route, backend, "output")


class Metrics:
    """One process's metrics."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody asks for
        self.registry = registry = CollectorRegistry(auto_describe=True)
        self.requests = Counter(
            "signalbox_requests", "Requests answered.", ("route", "backend", "status"), registry=registry
        )
        self.duration = Histogram(
            "signalbox_request_duration_seconds",
            "From the request read to the answer's end.",
            ("route", "backend"),
            buckets=SECONDS,
            registry=registry,
        )
        self.overhead = Histogram(
            "signalbox_overhead_seconds",
            "Time spent in the proxy itself, by phase.",
            ("phase",),
            buckets=OVERHEAD,
            registry=registry,
        )
        self.first = Histogram(
            "signalbox_time_to_first_token_seconds",
            "From the request read to the first piece of a stream.",
            ("route", "backend"),
            buckets=SECONDS,
            registry=registry,
        )
        self.tokens = Counter(
            "signalbox_tokens", "Tokens as the backends report them.", ("route", "backend", "type"), registry=registry
        )
        self.fallbacks = Counter(
            "signalbox_fallbacks",
            "A candidate failed and the next was asked.",
            ("from", "to", "reason"),
            registry=registry,
        )
        self.cancelled = Counter(
            "signalbox_cancelled", "Requests whose client left.", ("route", "backend"), registry=registry
        )
        self.broken = Counter(
            "signalbox_streams_broken",
            "Streams cut after their first content.",
            ("route", "backend"),
            registry=registry,
        )
        self.cache_failures = Counter(
            "signalbox_cache_failures",
            "Operations of the cache's Redis that failed or took too long; each was a miss.",
            ("reason",),
            registry=registry,
        )
        self.cache_up = Gauge("signalbox_cache_up", "1 when the cache can be asked.", registry=registry)
        self.running = 0
        """Requests being answered."""
        in_flight = Gauge("signalbox_requests_in_flight", "Requests being answered.", registry=registry)
        in_flight.set_function(lambda: self.running)
        self.valid = Gauge(
            "signalbox_config_valid", "1 when the rules file on disk is the one in force.", registry=registry
        )
        self.reloads = Counter(
            "signalbox_config_reloads", "Changes of the rules file seen.", ("result",), registry=registry
        )
        self.up = Gauge(
            "signalbox_backend_up",
            "1 when the backend can be asked, 0 when it is down.",
            ("backend",),
            registry=registry,
        )
        Gauge("signalbox_build_info", "Constant 1.", ("version",), registry=registry).labels(__version__).set(1)
        self._series: dict[tuple[str, str, int], _Series] = {}

    def count(self, record: Record) -> None:
        """Add one finished request."""
        group = (record.route, record.backend, record.status // 100)
        series = self._series.get(group)
        if series is None:
            series = self._series[group] = _Series(self, record.route, record.backend, f"{group[2]}xx")
        series.requests.inc()
        series.duration.observe(record.ended - record.started)
        if record.asked:
            series.overhead.observe(record.asked - record.started)
        if record.first:
            series.first.observe(record.first - record.started)
        if record.usage is not None:
            _add(series.input, record.usage.get("prompt_tokens", record.usage.get("input_tokens")))
            _add(series.output, record.usage.get("completion_tokens", record.usage.get("output_tokens")))
        if len(record.attempts) > 1:
            for failed, following in zip(record.attempts, record.attempts[1:], strict=False):
                self.fallbacks.labels(failed.backend, following.backend, failed.reason or "").inc()
        if record.outcome == "cancelled":
            self.cancelled.labels(record.route, record.backend).inc()
        elif record.outcome == "broken":
            self.broken.labels(record.route, record.backend).inc()

    def page(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)


def _add(counter: Any, tokens: object) -> None:
    if isinstance(tokens, int) and tokens > 0:
        counter.inc(tokens)
