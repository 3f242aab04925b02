"""What spans say, in two vocabularies: `gen_ai.*` (OpenTelemetry's conventions for generative AI) and OpenInference
(which Phoenix reads). What was asked and answered only where it is wanted.

Tokens and money stand on the attempt that answered alone, so that nobody who adds up a trace counts them twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from router.telemetry.content import answered, as_parts
from router.telemetry.record import Attempt, Record
from router.telemetry.text import dumped, legible
from router.telemetry.trace import Trace

__all__ = ["Provider", "of_attempt", "of_request", "operation"]

Attributes = dict[str, Any]

_OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}
_KINDS = {"embeddings": "EMBEDDING", "rerank": "RERANKER"}
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Provider:
    """Whose model a backend is, in the words of `gen_ai.provider.name`, and where it is reached."""

    name: str
    address: str = ""
    port: int = 0
    in_process: bool = False


def operation(path: str) -> str:
    """`gen_ai.operation.name`: of the conventions where they have one, else the last word of the path."""
    return _OPERATIONS.get(path) or legible(path.rpartition("/")[2], 50)


def of_request(record: Record) -> Attributes:
    """Of the span of the whole request."""
    said: Attributes = {
        "openinference.span.kind": "CHAIN",
        "http.request.method": "POST",
        "url.path": legible(record.path),
        "http.response.status_code": record.status,
        "signalbox.request.id": record.id,
        "signalbox.route": record.route,
        "signalbox.backend": record.backend,
        "signalbox.harness": record.harness,
        "signalbox.outcome": record.outcome,
        "signalbox.attempts": len(record.attempts),
    }
    if record.key:
        said["signalbox.key"] = said["user.id"] = record.key
    if record.cache:
        said["signalbox.cache"] = record.cache
    if record.rejected:
        said["signalbox.rejected"] = [f"{backend}: {gate}" for backend, gate in record.rejected]
    if record.decided:
        said["signalbox.decide_seconds"] = record.decided - record.started
    if record.cost is not None:
        said["signalbox.cost_usd"], said["signalbox.cost_source"] = record.cost.usd, record.cost.source
    if record.saved:
        said["signalbox.saved_usd"] = record.saved
    if record.outcome in ("failed", "broken"):
        said["error.type"] = record.attempts[-1].reason or record.outcome if record.attempts else record.outcome
    trace = record.trace
    if trace is not None:
        if trace.asked_model:
            said["signalbox.asked_model"] = legible(trace.asked_model)
        if trace.session:
            said["session.id"] = legible(trace.session)
        _content(said, trace, record.path)
    return said


def of_attempt(record: Record, attempt: Attempt, provider: Provider) -> Attributes:
    """Of the span of one backend that was asked."""
    name, model = operation(record.path), legible(attempt.model)
    said: Attributes = {
        "openinference.span.kind": _KINDS.get(name, "LLM"),
        "gen_ai.operation.name": name,
        "gen_ai.provider.name": provider.name,
        "gen_ai.request.model": model,
        "gen_ai.request.stream": record.stream,
        "llm.model_name": model,
        "llm.provider": provider.name,
        "signalbox.backend": attempt.backend,
        **({"signalbox.changed": list(attempt.changed)} if attempt.changed else {}),
    }
    if provider.address:
        said["server.address"], said["server.port"] = provider.address, provider.port
    trace = record.trace
    if trace is not None:
        said |= {f"gen_ai.request.{name}": value for name, value in trace.parameters.items()}
        if trace.parameters:
            said["llm.invocation_parameters"] = dumped(trace.parameters)
        if trace.session:
            said["gen_ai.conversation.id"] = said["session.id"] = legible(trace.session)
    if attempt.reason is not None:
        said["error.type"] = attempt.reason.removeprefix("status ")
        if attempt.reason.startswith("status "):
            said["http.response.status_code"] = int(attempt.reason.removeprefix("status "))
    if attempt.repaired:
        said["signalbox.repaired"] = list(attempt.repaired)
    if attempt is record.attempts[-1]:
        _answer(said, record, attempt)
        if trace is not None:
            _content(said, trace, record.path)
    return said


def _answer(said: Attributes, record: Record, attempt: Attempt) -> None:
    """Of the last attempt: what came of it."""
    if attempt.reason is None:
        said["http.response.status_code"] = record.status
        if record.status >= 400:
            said["error.type"] = str(record.status)
    if record.finish_reason:
        reason = legible(record.finish_reason)
        said["gen_ai.response.finish_reasons"], said["llm.finish_reason"] = [reason], reason
    if record.first:
        said["gen_ai.response.time_to_first_chunk"] = record.first - attempt.asked
    tokens = record.tokens
    if tokens is None:
        return
    said |= {
        "gen_ai.usage.input_tokens": tokens.input,
        "gen_ai.usage.output_tokens": tokens.output,
        "llm.token_count.prompt": tokens.input,
        "llm.token_count.completion": tokens.output,
        "llm.token_count.total": tokens.input + tokens.output,
    }
    if tokens.cached:
        said["gen_ai.usage.cache_read.input_tokens"] = tokens.cached
        said["llm.token_count.prompt_details.cache_read"] = tokens.cached
    if tokens.cache_write:
        said["gen_ai.usage.cache_creation.input_tokens"] = tokens.cache_write
        said["llm.token_count.prompt_details.cache_write"] = tokens.cache_write
    if tokens.reasoning:
        said["gen_ai.usage.reasoning.output_tokens"] = tokens.reasoning
        said["llm.token_count.completion_details.reasoning"] = tokens.reasoning
    if tokens.estimated:
        said["signalbox.tokens_estimated"] = True
    if record.cost is not None:
        said["llm.cost.total"] = record.cost.usd


def _content(said: Attributes, trace: Trace, path: str) -> None:
    if not trace.captures or trace.question is None:
        return
    question = trace.question
    said["input.value"], said["input.mime_type"] = dumped(question), _JSON
    messages = as_parts(question)
    if messages:
        said["gen_ai.input.messages"] = dumped(messages)
    text = answered(bytes(trace.answer), path)
    if text:
        said["output.value"], said["output.mime_type"] = text, "text/plain"
        parts = [{"type": "text", "content": text}]
        said["gen_ai.output.messages"] = dumped([{"role": "assistant", "parts": parts}])
