"""Pages for people and machines that run the proxy: health, readiness, metrics, explain; documented at /docs."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

from router.api.guard import Closed, TheBox, is_told
from router.api.paths import canonical
from router.cache.store import Store, StoreError
from router.foretold import foretell
from router.request.envelope import Envelope, Headers
from router.request.signals import Signals
from router.routing.explain import explain
from router.telemetry.store import page

__all__ = ["admin", "closed"]

admin = APIRouter()
closed = APIRouter(route_class=Closed)


class AnyJson(JSONResponse):
    """JSON in ASCII: what a client sent may hold half a surrogate pair, which UTF-8 cannot say and an escape can."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class Question(BaseModel):
    """A request to be decided and not sent."""

    path: str = Field("/v1/chat/completions", description="the door it would knock at")
    headers: dict[str, str] = Field(default_factory=dict)
    key: str | None = Field(None, description="alias of the client key it would come with")
    body: dict[str, Any] = Field(default_factory=dict)


class Readiness(BaseModel):
    """Can requests be served, and are the rules on disk the ones in force?"""

    ready: bool
    reasons: list[str] = Field(description="why not; empty when ready, and for all but admins on an address of others")
    config_valid: bool
    config_error: str | None = Field(
        None, description="what is wrong with the rules file on disk; the rules before it keep serving"
    )


@admin.get("/health", response_class=PlainTextResponse, summary="The process answers")
async def health() -> str:
    """Always `ok`."""
    return "ok"


@admin.get("/ready", summary="Rules are loaded and a backend can serve", responses={503: {"model": Readiness}})
async def ready(box: TheBox, request: Request) -> JSONResponse:
    """200 when at least one backend can serve, else 503. Names and addresses are for those who may know them."""
    reasons = box.why_not_ready()
    told = is_told(box, request.scope["headers"])
    answer = Readiness(
        ready=not reasons,
        reasons=reasons if told else [],
        config_valid=box.rejected is None,
        config_error=box.rejected if told else None,
    )
    return JSONResponse(answer.model_dump(), 503 if reasons else 200)


@closed.get("/metrics", summary="Prometheus metrics")
async def metrics(box: TheBox, request: Request) -> Response:
    """The text format of Prometheus; OpenMetrics for those that ask for it."""
    numbers = box.metrics.read(await box.workers.others())
    # Off the loop: ten thousand lines take a tenth of a second to write.
    text, kind = await asyncio.to_thread(page, numbers, request.headers.get("accept", ""))
    return Response(text, headers={"content-type": kind})


class CacheShare(BaseModel):
    """The entries of one route."""

    entries: int
    bytes: int


class CachePart(BaseModel):
    """One store."""

    up: bool
    entries: int = 0
    bytes: int = Field(0, description="as they are kept, compressed")
    routes: dict[str, CacheShare] = Field(default_factory=dict)
    fault: str | None = None


class CacheState(BaseModel):
    """What this process can see of the cache."""

    memory: CachePart = Field(description="of this process alone")
    redis: CachePart | None = Field(None, description="of all who share it; left out where there is none")
    results: dict[str, int] = Field(description="requests that this process answered on routes with a cache")


@closed.get("/api/cache", summary="What is cached")
async def cache_state(box: TheBox) -> CacheState:
    """Counts every entry."""
    cache = box.cache
    redis = None if cache.store is cache.memory else await _part(cache.store)
    return CacheState(memory=await _part(cache.memory), redis=redis, results=dict(cache.results))


@closed.delete("/api/cache", summary="Forget what is cached")
async def clear_cache(box: TheBox, route: str | None = None) -> dict[str, int]:
    """Of one route, or everything; tells how many entries that were."""
    try:
        return {"cleared": await box.cache.clear(route)}
    except StoreError as error:
        raise HTTPException(503, str(error)) from None


async def _part(store: Store) -> CachePart:
    try:
        stats = await store.stats()
    except StoreError as error:
        return CachePart(up=store.up, fault=str(error))
    routes = {name: CacheShare(entries=entries, bytes=size) for name, (entries, size) in sorted(stats.routes.items())}
    return CachePart(up=store.up, entries=stats.entries, bytes=stats.bytes, routes=routes)


@closed.get("/api/budgets", summary="What is left of the budgets")
async def budgets(box: TheBox) -> list[dict[str, Any]]:
    """As `signalbox budget --json` prints it, and with what others who share the Redis have spent."""
    return [line.as_dict() for line in box.turnstile.budgets()]


@closed.post("/api/explain", summary="Where a request would go, and why", response_class=AnyJson)
async def explain_request(question: Annotated[Question, Body()], box: TheBox) -> Response:
    """Decides with the rules in force and what is known of the backends right now; sends nothing."""
    path = canonical(question.path) or question.path
    grant = box.keyring.grant(question.key) if question.key is not None else None
    envelope = Envelope(path, question.body, Headers.of(question.headers), key=question.key, grant=grant)
    state, signals = box.state, Signals(envelope, purse=box.turnstile.purse)
    plan, repairs = state.rulebook.plan, {name: backend.repairs for name, backend in state.backends.items()}
    return AnyJson(explain(plan, signals, state.facts, foretell(plan, signals, state.facts, repairs)))
