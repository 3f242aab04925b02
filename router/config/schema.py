"""What the YAML may say. The JSON schema for editors, `check` and `rules/reference.yaml` all follow from here."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from router.config.backend import Backend
from router.config.client_keys import Key, as_keys
from router.config.limits import Budgets, Guard, Limits, MaybeGuard, RouteQuota
from router.config.states import States
from router.config.target import Targets
from router.config.written import Count, Duration, word
from router.config.written import Strict as _Strict

__all__ = [
    "Accept",
    "Cache",
    "Case",
    "Expect",
    "Responses",
    "ResponsesStore",
    "Route",
    "Rules",
    "Similar",
]

Accept = Literal["not_empty", "json", "tools", "code"]
"""`json`: where JSON was asked for, it parses and fits the schema; `tools`: calls name an offered tool and their
arguments parse; `code`: blocks of Python and JSON parse."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_ACCEPT_SCHEMA = {
    "anyOf": [
        {"enum": list(get_args(Accept))},
        {"type": "array", "items": {"enum": list(get_args(Accept))}, "minItems": 1},
    ],
}


def _default_kind(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: {"kind": "http", **spec} if isinstance(spec, dict) else spec for name, spec in value.items()}
    return value


class Similar(_Strict):
    """Answers to a question that is nearly the same: off unless a route names who makes its embeddings."""

    backend: str = Field(description="the backend that makes the embeddings, at its /v1/embeddings")
    threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.95, description="cosine of the two questions' embeddings from which on the answer is taken"
    )
    entries: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1000, description="questions remembered in each worker process, for all that else must be equal"
    )


class Cache(_Strict):
    """Answers kept for equal requests. Only complete ones are, and `docs/cache.md` says what equal means."""

    ttl: Annotated[Duration, Field(gt=0)] = Field(description="how long an answer is good for")
    scope: Literal["key", "everyone"] = Field(
        "key", description="who shares answers: requests of the same client key, or everyone"
    )
    streams: bool = Field(True, description="false: streams are neither answered from the cache nor kept")
    tool_turns: bool = Field(False, description="true: turns that bring tool results, too")
    sampled: bool = Field(False, description="true: requests that set a temperature above 0, too")
    revision: Annotated[str, BeforeValidator(word), WithJsonSchema({"type": ["string", "integer"]})] = Field(
        "",
        description="another word here makes all that was kept before a miss, as when the model behind a name is new",
    )
    max_bytes: Annotated[Count, Field(ge=1, le=16_000_000)] = Field(
        1_000_000, description="larger answers are not kept"
    )
    similar: Similar | None = Field(None, description="take the answer to a similar question, too; left out: never")


def _cache(value: Any) -> Any:
    """A bare duration is the `ttl`."""
    return value if value is None or isinstance(value, dict | Cache) else {"ttl": value}


class Route(_Strict):
    """The first route whose `when` holds decides."""

    name: str = Field("", description="shown in headers, traces and metrics; left out: `route 1`, by its position")
    when: dict[str, Any] = Field(default_factory=dict, description="conditions; all must hold; left out: always")
    to: Targets = Field(
        min_length=1, description="backends in order: the next one when the first is down, full or does not fit"
    )
    choice: Literal["order", "weighted", "least_busy", "sticky"] = Field(
        "order",
        description="how the backends are ordered that can take a request; order: as they are listed; weighted: each "
        "gets its share; least_busy: fewest requests for each of its slots, then the faster; sticky: a conversation "
        "stays where the KV cache is warm for it",
    )
    private: bool = Field(False, description="only backends that keep what they are sent private")
    set: dict[str, Any] = Field(
        default_factory=dict, description="fields of the request body to set, such as temperature"
    )
    old_images: Literal["keep", "drop"] = Field(
        "keep", description="drop: images before the latest user turn become a short text"
    )
    timeout: Annotated[Duration, Field(gt=0)] | None = Field(
        None, description="for the whole request, all candidates and retries together; left out: each has its own time"
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="how often a candidate that failed may be asked again, after a pause that grows"
    )
    hedge: Annotated[Duration, Field(gt=0)] | None = Field(
        None, description="ask the next candidate as well after so long without content; the first content wins"
    )
    accept: Annotated[list[Accept], BeforeValidator(_as_list), WithJsonSchema(_ACCEPT_SCHEMA)] = Field(
        default_factory=list,
        description="what an answer must satisfy, else the next candidate is asked; the last one's is taken as it is",
    )
    on_broken_stream: Literal["cut", "error"] = Field(
        "cut", description="how a stream ends that breaks after its first content; more clients recover from a cut"
    )
    keep_alive: Duration = Field(15.0, description="comment lines on a stream that is silent for so long; 0: none")
    cache: Annotated[Cache | None, BeforeValidator(_cache)] = Field(
        None, description="keep answers for equal requests: a duration, or a mapping with `ttl`; left out: nothing is"
    )
    limits: RouteQuota | None = Field(None, description="how much may be asked of it: requests, tokens, at once")

    @property
    def backends(self) -> tuple[str, ...]:
        """The names in `to`."""
        return tuple(target.backend for target in self.to)


class Expect(_Strict):
    """What a test of the rules expects; what is left out is not looked at."""

    route: str | None = Field(None, description="name of the route that decides")
    backend: str | None = Field(None, description="the first candidate that passes its gates")
    task: str | None = Field(None, description="value of the `task` signal")
    harness: str | None = Field(None, description="value of the `harness` signal")
    refused_by: str | None = Field(None, description="no candidate is left, and this gate rejected one")


class Case(_Strict):
    """A test of the rules, run by `signalbox test`."""

    name: str = Field(description="what the rules promise, as a sentence")
    request: dict[str, Any] = Field(description="the JSON body, or {file: path} to read it from")
    path: str = Field("/v1/chat/completions", description="where the request is sent")
    headers: dict[str, str] = Field(default_factory=dict, description="HTTP headers of the request")
    key: str | None = Field(None, description="alias of the client key")
    budget: Annotated[int, Field(ge=0)] = Field(0, description="per cent that is spent of its budgets")
    at: str | None = Field(None, description="local time the request comes at, for `time` conditions: 2026-11-21T23:00")
    given: States = Field(
        default_factory=dict, description="the state that backends are in; left out: just started, up and idle"
    )
    expect: Expect = Field(description="what must come of it")


class ResponsesStore(_Strict):
    """Answers kept in the memory of each worker process, so that clients can name one by `previous_response_id`."""

    entries: Annotated[Count, Field(ge=1, le=1_000_000)] = Field(1000, description="answers kept at most")
    megabytes: Annotated[Count, Field(ge=1, le=65_536)] = Field(
        16, description="they take at most, with what was asked, in millions of bytes"
    )
    ttl: Annotated[Duration, Field(gt=0)] = Field(3600.0, description="how long one is kept after it was last used")


class Responses(_Strict):
    """What concerns /v1/responses."""

    store: Annotated[ResponsesStore | Literal[False], BeforeValidator(lambda value: {} if value is True else value)] = (
        Field(
            ResponsesStore(),
            description="answers kept for clients that name an earlier one, as the AI SDK does; `false`: none are",
        )
    )


class Rules(_Strict):
    """A whole rules file."""

    version: Literal[1] = Field(description="of this language: 1")
    backends: Annotated[dict[str, Backend], BeforeValidator(_default_kind)] = Field(
        default_factory=dict, description="the places that answer requests, by name"
    )
    aliases: dict[str, str] = Field(default_factory=dict, description="names clients may use: of a backend, or `auto`")
    baseline: str | None = Field(
        None, description="a model of LiteLLM's list: what the same tokens would have cost there shows what is saved"
    )
    strict_models: bool = Field(
        False, description="refuse a model name that is no backend, alias, `auto` or named in a rule"
    )
    keys: Annotated[dict[str, Key], BeforeValidator(as_keys)] = Field(
        default_factory=dict, description="client keys by alias, beside those of SIGNALBOX_KEYS and `signalbox keys`"
    )
    limits: Limits | None = Field(None, description="how much may be asked, in total and by each client key")
    budgets: Budgets | None = Field(None, description="US dollars that may be spent, in total and by each client key")
    guard: MaybeGuard = Field(Guard(), description="against sessions that went wild; on by default, `false`: off")
    responses: Responses = Field(Responses(), description="what concerns /v1/responses")
    routes: list[Route] = Field(default_factory=list, description="looked at in order; the first that matches decides")
    tests: list[Case] = Field(default_factory=list, description="run by `signalbox test`, like unit tests of the rules")
