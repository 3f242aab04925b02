"""Traces of the running proxy, as a collector receives them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.signalbox import Signalbox, ask, free_port, post, signalbox
from tests.telemetry.collector import Collector, Span, collector
from tests.upstream import Upstream, upstream

CHAT = "/v1/chat/completions"
RULES = """
version: 1
backends:
  gone: {{url: "{gone}", model: never, price: 0}}
  busy: {{url: "{busy}", model: full, price: 0}}
  here: {{url: "{here}", model: small, price: {{input: 1, output: 2}}}}
routes:
  - {{name: secret, when: {{model: secret}}, to: here, private: true}}
  - {{name: lost, when: {{model: lost}}, to: [gone, busy, here]}}
  - {{name: nowhere, when: {{model: nowhere}}, to: gone}}
  - {{name: all, to: here}}
"""
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
PROMPT, ANSWER = "the platypus sleeps", "hello"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def busy() -> Iterator[Upstream]:
    with upstream() as server:
        server.status = 503
        yield server


@pytest.fixture(scope="module")
def gone() -> Iterator[Upstream]:
    """Tells its models, and hangs up on every question."""
    with upstream() as server:
        server.play = server.hang_up
        yield server


@pytest.fixture(scope="module")
def rules(server: Upstream, busy: Upstream, gone: Upstream) -> str:
    return RULES.format(gone=gone.url, busy=busy.url, here=server.url)


@pytest.fixture
def sink() -> Iterator[Collector]:
    with collector() as running:
        yield running


def variables(sink: Collector, **more: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "OTEL_BSP_SCHEDULE_DELAY": "50", **more}


@pytest.fixture
def proxy(rules: str, sink: Collector) -> Iterator[Signalbox]:
    with signalbox(rules, **variables(sink)) as running:
        yield running


def body(model: str = "auto", **more: object) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": PROMPT}], **more}).encode()


def whole_and_attempts(spans: list[Span]) -> tuple[Span, list[Span]]:
    (whole,) = (span for span in spans if span.kind == "SERVER")
    return whole, sorted((span for span in spans if span is not whole), key=lambda span: span.start)


def test_a_request_is_a_span_and_each_backend_that_was_asked_a_child_with_the_reason_it_failed(
    proxy: Signalbox, sink: Collector, server: Upstream
) -> None:
    status, headers, _ = post(proxy, CHAT, body("lost", stream=True, temperature=0.5, max_tokens=9))
    assert status == 200
    whole, (gone, busy, here) = whole_and_attempts(sink.wait(4))
    assert {span.trace for span in sink.spans} == {whole.trace}
    assert whole.parent == "" and {gone.parent, busy.parent, here.parent} == {whole.id}
    assert (whole.name, gone.name, here.name) == ("signalbox lost", "chat never", "chat small")
    assert (gone.failed, gone.status, gone.attributes["error.type"]) == (True, "broken", "broken")
    assert (busy.failed, busy.attributes["error.type"]) == (True, "503")
    assert busy.attributes["http.response.status_code"] == 503
    assert not here.failed and not whole.failed
    assert whole.start <= gone.start <= gone.end <= busy.start <= busy.end <= here.start <= here.end <= whole.end
    assert whole.attributes["signalbox.request.id"] == headers["x-request-id"]
    assert whole.attributes["signalbox.attempts"] == 3
    assert whole.resource["service.name"] == "signalbox"


def test_an_answer_is_told_in_the_words_of_gen_ai_and_of_openinference(proxy: Signalbox, sink: Collector) -> None:
    post(proxy, CHAT, body(stream=True, temperature=0.5, max_tokens=9, stop="END"))
    whole, (here,) = whole_and_attempts(sink.wait(2))
    said = here.attributes
    assert here.kind == "CLIENT"
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == said["llm.provider"] == "openai_compatible"
    assert said["gen_ai.request.model"] == said["llm.model_name"] == "small"
    assert said["gen_ai.request.temperature"] == 0.5 and said["gen_ai.request.max_tokens"] == 9
    assert said["gen_ai.request.stop_sequences"] == ["END"] and said["gen_ai.request.stream"] is True
    assert said["gen_ai.usage.input_tokens"] == said["llm.token_count.prompt"] == 5
    assert said["gen_ai.usage.output_tokens"] == said["llm.token_count.completion"] == 2
    assert said["llm.cost.total"] == pytest.approx(9e-6)
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert 0 < said["gen_ai.response.time_to_first_chunk"] < 5
    assert said["openinference.span.kind"] == "LLM"
    assert said["server.address"] == "127.0.0.1" and said["server.port"] > 0
    assert whole.attributes["openinference.span.kind"] == "CHAIN"
    assert not any("token_count" in name for name in whole.attributes), "tokens stand on one span, to be added up"


def test_a_callers_trace_goes_on_and_the_backend_is_told_of_its_attempt(
    proxy: Signalbox, sink: Collector, server: Upstream
) -> None:
    post(proxy, CHAT, body("lost"), traceparent=CALLER, tracestate="vendor=1")
    whole, attempts = whole_and_attempts(sink.wait(4))
    assert (whole.trace, whole.parent) == (CALLER.split("-")[1], CALLER.split("-")[2])
    told = server.asked[-1].headers
    assert told["traceparent"] == f"00-{whole.trace}-{attempts[-1].id}-01"
    assert told["tracestate"] == "vendor=1"


def test_a_request_that_nobody_could_answer_is_an_error(proxy: Signalbox, sink: Collector) -> None:
    assert post(proxy, CHAT, body("nowhere"))[0] == 503
    whole, (gone,) = whole_and_attempts(sink.wait(2))
    assert whole.failed and gone.failed
    assert (whole.attributes["http.response.status_code"], whole.attributes["error.type"]) == (503, "broken")


def test_the_list_of_models_has_no_trace(proxy: Signalbox, sink: Collector) -> None:
    assert ask(proxy, "GET", "/v1/models")[0] == 200
    post(proxy, CHAT, body())
    assert len(sink.wait(2)) == 2


def test_what_was_asked_and_answered_is_in_no_trace_unless_it_is_asked_for(proxy: Signalbox, sink: Collector) -> None:
    post(proxy, CHAT, body())
    post(proxy, CHAT, body(stream=True))
    sink.wait(4)
    assert PROMPT.encode() not in sink.raw and b"hello" not in sink.raw


@pytest.mark.parametrize("stream", [False, True])
def test_content_that_is_asked_for_is_told_but_never_that_of_a_private_route(
    stream: bool, rules: str, sink: Collector
) -> None:
    with signalbox(rules, **variables(sink, **{CAPTURE: "true"})) as proxy:
        post(proxy, CHAT, body("secret", stream=stream))
        sink.wait(2)
        assert PROMPT.encode() not in sink.raw and b"hello" not in sink.raw
        sink.spans.clear()
        post(proxy, CHAT, body(stream=stream))
        whole, (here,) = whole_and_attempts(sink.wait(2))
    for span in (whole, here):
        assert json.loads(span.attributes["input.value"])["messages"][0]["content"] == PROMPT
        assert span.attributes["output.value"] == ANSWER
        (said,) = json.loads(span.attributes["gen_ai.output.messages"])
        assert said == {"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}


def test_the_sampler_is_the_one_of_the_environment_and_what_it_leaves_out_is_told_to_the_backend(
    rules: str, server: Upstream, sink: Collector
) -> None:
    with signalbox(rules, **variables(sink, OTEL_TRACES_SAMPLER="parentbased_always_off")) as proxy:
        post(proxy, CHAT, body())
        assert server.asked[-1].headers["traceparent"].endswith("-00")
        post(proxy, CHAT, body(), traceparent=CALLER)  # its caller wants it
        assert {span.trace for span in sink.wait(2)} == {CALLER.split("-")[1]}


def test_resource_and_headers_are_those_of_the_environment(rules: str, server: Upstream, sink: Collector) -> None:
    said = {"OTEL_SERVICE_NAME": "box", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20sesame"}
    with signalbox(rules, **variables(sink, **said)) as proxy:
        post(proxy, CHAT, body())
        assert sink.wait(2)[0].resource["service.name"] == "box"
        assert sink.headers[0]["authorization"] == "Bearer sesame"


def test_a_collector_that_is_gone_holds_nobody_up(rules: str) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with signalbox(rules, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="50") as proxy:
        for _ in range(20):
            assert post(proxy, CHAT, body())[0] == 200


def test_what_waits_is_sent_at_the_end(rules: str, server: Upstream, sink: Collector) -> None:
    with signalbox(rules, **variables(sink, OTEL_BSP_SCHEDULE_DELAY="60000")) as proxy:
        post(proxy, CHAT, body())
        assert sink.spans == []
    assert len(sink.spans) == 2


def test_without_a_variable_nothing_of_it_is_imported_and_a_callers_trace_passes_through(
    rules: str, server: Upstream
) -> None:
    with signalbox(rules) as proxy:
        post(proxy, CHAT, body(), traceparent=CALLER)
        assert server.asked[-1].headers["traceparent"] == CALLER
    # The API comes with FastAPI; SDK, exporter and protocol buffers are what costs.
    costly = ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf")
    look = f"import router.server, sys; sys.exit(any(name.startswith({costly}) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
