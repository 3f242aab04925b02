"""Spans of whatever a client has written: each can be sent, for one that cannot takes all of its batch along."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from router.telemetry.conventions import Provider
from router.telemetry.record import Attempt, Record
from router.telemetry.spans import CAPTURE, Spans

HALF = "x\ud800"


def sent(body: dict[str, Any], model: str = "m", session: str = "s", **more: Any) -> ExportTraceServiceRequest:
    """The spans of one request, with its content, as they are sent."""
    exporter = InMemorySpanExporter()
    spans = Spans(lambda backend: Provider("unknown"), {CAPTURE: "true"}, exporter)
    record = Record("r", more.pop("path", "/v1/chat/completions"), 1.0, backend="b", status=200, decided=1.1, ended=2.0)
    record.trace, record.attempts = spans.begin([]), [Attempt("b", model=model)]
    record.trace.onward([])
    record.trace.asked(body, model, session, private=False)
    for name, value in more.items():
        setattr(record, name, value)
    spans.end(record)
    spans.close()
    return encode_spans(exporter.get_finished_spans())


@pytest.mark.parametrize(
    "odd",
    [
        {"model": HALF},
        {"session": HALF},
        {"path": f"/v1/{HALF}"},
        {"finish_reason": HALF},
        {"body": {"stop": HALF}},
        {"body": {"stop": [HALF, [[HALF]]]}},
        {"body": {"messages": [{"role": HALF, "content": HALF}]}},
        {"body": {"seed": 1 << 80}},
    ],
    ids=str,
)
def test_a_span_can_be_sent_whatever_text_a_client_has_put_into_it(
    odd: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    request = sent(**{"body": {}, **odd})
    assert len(request.resource_spans[0].scope_spans[0].spans) == 2
    assert request.SerializeToString()
    assert not caplog.records


def test_what_is_nested_too_deeply_to_be_written_is_left_out() -> None:
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    assert sent({"messages": deep}).SerializeToString()
