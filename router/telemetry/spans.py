"""A trace for each request, made from its record: a span for the whole, a child for each backend that was asked.

Only imported where the environment names an endpoint (`OTEL_EXPORTER_OTLP_ENDPOINT`); all else that `OTEL_*` may say
is read by OpenTelemetry's SDK itself: sampler, headers, batches, resource.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from router import __version__
from router.telemetry.conventions import Provider, of_attempt, of_request, operation
from router.telemetry.record import Attempt, Record
from router.telemetry.text import legible
from router.telemetry.trace import Trace

__all__ = ["Spans"]

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
LEAVING = 3.0
"""Seconds at the end in which what still waits may be sent."""

RawHeaders = list[tuple[bytes, bytes]]


class _Given(IdGenerator):
    """The ids of the next span: a backend was told of its attempt's long before the span is made."""

    trace = span = 0

    def generate_span_id(self) -> int:
        return self.span

    def generate_trace_id(self) -> int:
        return self.trace

    def is_trace_id_random(self) -> bool:
        return True


class Spans:
    """Makes and exports the spans of one process. Not for several threads; the export has its own."""

    def __init__(
        self,
        provider: Callable[[str], Provider],
        environ: Mapping[str, str] = os.environ,
        exporter: SpanExporter | None = None,
    ):
        """`provider(backend)`: whose model it is and where it is reached."""
        self._provider_of = provider
        self._captures = environ.get(CAPTURE, "").strip().lower() == "true"
        self._ids = _Given()
        self._random = RandomIdGenerator()
        self._propagator = TraceContextTextMapPropagator()
        self._tracing = TracerProvider(resource=_resource(environ), id_generator=self._ids, shutdown_on_exit=False)
        self._tracing.add_span_processor(BatchSpanProcessor(exporter if exporter is not None else OTLPSpanExporter()))
        self._tracer = self._tracing.get_tracer("signalbox", __version__)

    def begin(self, headers: RawHeaders) -> Trace:
        """A request has come: it goes on with its caller's trace, or begins one."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name == b"traceparent" or name == b"tracestate"
        }
        parent: Context | None = self._propagator.extract(carrier, Context()) if carrier else None
        caller = get_current_span(parent).get_span_context() if parent is not None else None
        if caller is None or not caller.is_valid:
            parent, trace_id = None, self._random.generate_trace_id()
        else:
            trace_id = caller.trace_id
        context = parent if parent is not None else Context()
        decision = self._tracing.sampler.should_sample(context, trace_id, "request", SpanKind.SERVER).decision
        sampled = decision is Decision.RECORD_AND_SAMPLE
        return Trace(trace_id, self._random.generate_span_id(), sampled, parent, captures=self._captures)

    def end(self, record: Record) -> None:
        """A request has ended: its spans are made, and go out in the background. Lists of models have none."""
        trace = record.trace
        if trace is None or not trace.sampled or not (record.decided or record.status >= 400):
            return
        # Records have the monotonic clock, spans that of the wall.
        epoch = time.time_ns() - time.perf_counter_ns()

        def at(moment: float) -> int:
            return epoch + int(moment * 1e9)

        self._ids.trace, self._ids.span = trace.id, trace.span
        whole = self._tracer.start_span(
            f"signalbox {record.route}" if record.route else f"signalbox {legible(record.path)}",
            context=trace.parent if trace.parent is not None else Context(),
            kind=SpanKind.SERVER,
            attributes=of_request(record),
            start_time=at(record.started),
        )
        if record.outcome in ("failed", "broken"):
            whole.set_status(Status(StatusCode.ERROR, record.outcome))
        inside = set_span_in_context(whole, Context())
        for span, attempt in zip(trace.attempts, record.attempts, strict=False):
            self._ids.span = span
            self._attempt(record, attempt, inside, at)
        whole.end(at(record.ended))

    def close(self) -> None:
        """Send what waits, within LEAVING seconds. May block so long."""
        sending = threading.Thread(target=self._tracing.shutdown, name="traces", daemon=True)
        sending.start()
        sending.join(LEAVING)

    def _attempt(self, record: Record, attempt: Attempt, inside: Context, at: Callable[[float], int]) -> None:
        provider = self._provider_of(attempt.backend)
        span = self._tracer.start_span(
            f"{operation(record.path)} {legible(attempt.model)}".rstrip(),
            context=inside,
            kind=SpanKind.INTERNAL if provider.in_process else SpanKind.CLIENT,
            attributes=of_attempt(record, attempt, provider),
            start_time=at(attempt.asked or record.started),
        )
        last = attempt is record.attempts[-1]
        if attempt.reason is not None:
            span.set_status(Status(StatusCode.ERROR, attempt.reason))
        elif last and record.status >= 400 and record.outcome != "cancelled":
            span.set_status(Status(StatusCode.ERROR, f"status {record.status}"))
        span.end(at(attempt.ended or record.ended))


def _resource(environ: Mapping[str, str]) -> Resource:
    said: dict[str, Any] = {"service.version": __version__}
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        said["service.name"] = "signalbox"
    return Resource.create(said)
