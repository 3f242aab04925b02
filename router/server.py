"""Builds the application and runs it: FastAPI for the pages, the inbound lane for the doors, uvicorn around both."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException
from uvicorn.supervisors import Multiprocess

from router import __version__
from router.api.admin import admin, closed
from router.api.cors import EXPOSED
from router.api.docs import page
from router.api.doors import ApiDoors
from router.api.guard import Closed
from router.banner import greet, is_worker
from router.box import Box
from router.refusal import Refusal, shape
from router.routing.rulebook import Rulebook, open_rules
from router.settings import Settings
from router.telemetry.log import JsonFormatter
from router.telemetry.workers import FOLDER
from router.wire.inbound import InboundProtocol

__all__ = ["application", "create", "run"]

log = logging.getLogger("signalbox")

DOORS = "The OpenAI-compatible API is under /v1: set a client's base URL to http://127.0.0.1:4000/v1."

KEEP_ALIVE = 75
"""Seconds an unused client connection is kept: longer than the pools of the usual clients (60 s and less) keep theirs,
so that it is they who close."""
HUNG = 30
"""Seconds that a worker process may take to give a sign of life before it is replaced. uvicorn's 5 are few for one that
starts on a busy machine: it would be replaced again and again before it has ever served."""


def application(box: Box) -> FastAPI:
    """The application around a box that is not yet open."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        await box.open()
        # In a worker the socket is open already; alone, the server greets once it listens.
        greeting = asyncio.create_task(greet(box)) if is_worker() else None
        asyncio.get_running_loop().set_exception_handler(_without_the_departed)
        # What is loaded now lives as long as the process: collections need not look at it again.
        gc.collect()
        gc.freeze()
        try:
            yield {"box": box, "doors": ApiDoors(box)}
        finally:
            if greeting is not None:
                greeting.cancel()
            await box.close()

    app = FastAPI(
        title="Signalbox",
        version=__version__,
        summary="The pages beside the OpenAI-compatible doors under /v1.",
        lifespan=life,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(admin)
    app.include_router(closed)
    hidden: dict[str, Any] = {"include_in_schema": False, "route_class_override": Closed}
    app.router.add_api_route("/openapi.json", app.openapi, **hidden)
    app.router.add_api_route("/docs", lambda: page(app.openapi(), DOORS), response_class=HTMLResponse, **hidden)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _fault)
    if box.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=box.settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[EXPOSED],
            max_age=600,
        )
    return app


def create() -> FastAPI:
    """The application as the environment describes it: what each worker process calls."""
    settings = Settings()
    _log(settings)
    return application(Box(settings, open_rules(settings.rules, os.environ)))


def run(settings: Settings, rulebook: Rulebook) -> int:
    """Serve until SIGTERM or SIGINT; open streams then get the grace time. Returns the exit code."""
    _log(settings)
    _open_many_files()
    several = settings.workers > 1
    box = Box(settings, rulebook)
    config = uvicorn.Config(
        "router.server:create" if several else application(box),
        factory=several,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=InboundProtocol,
        ws="none",
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(settings.grace)),
        timeout_worker_healthcheck=HUNG,
        backlog=2048,
    )
    # uvicorn raises the signal again once it has shut down; a proxy that was asked to stop and did ends with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if several:
        with TemporaryDirectory(prefix="signalbox-") as folder:
            os.environ[FOLDER] = folder
            _Workers(config, sockets=[config.bind_socket()]).run()
        return 0
    server = _Server(config, box)
    try:
        server.run()
    finally:
        if not server.started:
            log.error("could not listen on %s port %d; --port chooses another", settings.host, settings.port)
    return 0 if server.started else 3


class _Workers(Multiprocess):
    """Takes no connection any more once it is told to stop: its backlog is emptied by nobody then, and a client would
    wait in it for as long as others are served."""

    def terminate_all(self) -> None:
        for listening in self.sockets:
            listening.close()
        super().terminate_all()


class _Server(uvicorn.Server):
    """Greets when it listens."""

    def __init__(self, config: uvicorn.Config, box: Box):
        super().__init__(config)
        self._box = box
        self._greeting: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._greeting = asyncio.create_task(greet(self._box))


def _without_the_departed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """uvloop's handshake may fail in the moment in which who waits for it leaves; there is nobody to tell."""
    if isinstance(context.get("exception"), OSError) and "never retrieved" in context.get("message", ""):
        log.debug("a connection that nobody waits for has failed: %s", context["exception"])
    else:
        loop.default_exception_handler(context)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "there is nothing at this path" if error.status_code == 404 else str(error.detail)
    return _shaped(Refusal(error.status_code, message), error.headers)


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first.get("loc", ()))
    return _shaped(Refusal(400, f"{where}: {first.get('msg', 'not valid')}"))


async def _fault(request: Request, _: Exception) -> Response:
    return _shaped(Refusal(500, f"a fault of the proxy at {request.url.path}; its log tells more"))


def _shaped(refusal: Refusal, extra: Any = None) -> Response:
    headers, body = shape(refusal)
    return Response(body, refusal.status, {**{k.decode(): v.decode() for k, v in headers}, **(extra or {})})


def _open_many_files() -> None:
    """As many as the system allows: each connection is one, and the usual 1,024 are few."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):  # macOS tells a limit that it does not take
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _log(settings: Settings) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S", force=True)
    if settings.logs_json:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonFormatter())
    logging.getLogger("signalbox").setLevel(settings.log.upper())
    logging.getLogger("uvicorn.error").setLevel("WARNING")
