"""Checks of what runs beside: the proxy itself on its port, Redis, the collector of traces."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from router import __version__
from router.cache.address import Address, parse_address
from router.checkup.patient import Patient
from router.checkup.result import Result, failure, fine, skipped, warning
from router.config.backend import HttpBackend
from router.config.known import shown
from router.config.secret import reveal
from router.settings import Settings
from router.telemetry.tracing import ENDPOINTS, wanted

__all__ = ["port", "redis", "traces"]


async def port(settings: Settings, digest: str | None, patience: float) -> Result:
    """It is free, or it is a Signalbox that listens there: of this version, by these rules?"""
    title, host = f"port {settings.port}", settings.host.strip("[]")
    if fault := await _bound(host, settings.port):
        if settings.port < 1024 and "ermission" in fault:
            return failure(title, fault, "ports under 1024 need privileges: signalbox serve --port 4000")
        at = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        url = f"http://{f'[{at}]' if ':' in at else at}:{settings.port}/v1"
        return await _who(title, url, digest, patience, fault)
    return fine(title, f"free at {settings.host}")


async def _bound(host: str, number: int) -> str | None:
    """Why it cannot be listened on."""
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, number)
    except OSError as error:
        return error.strerror or str(error)
    server.close()
    return None


async def _who(title: str, url: str, digest: str | None, patience: float, fault: str) -> Result:
    """No key is sent there: it may be anybody."""
    patient = Patient("signalbox", HttpBackend(url=url), min(patience, 3.0))
    try:
        ready = await patient.any_page(b"/ready")
        page = (await patient.any_page(b"/metrics") if ready else b"").decode("utf-8", "replace")
    finally:
        await patient.close()
    here = urlsplit(url).port or 0
    if b'"config_valid"' not in ready:
        other = f"signalbox serve --port {here + 1 if here < 65535 else 4000}"
        return failure(title, f"another program has it ({fault})", f"{other}; who it is: ss -ltnp 'sport = :{here}'")
    version = re.search(r'signalbox_build_info\{version="([^"]{1,40})"', page)
    revision = re.search(r'signalbox_config_revision\{revision="([^"]{1,40})"', page)
    if version is None:
        return fine(title, "a Signalbox runs here; its /metrics, which tell more, are closed")
    if version[1] != __version__:
        return warning(title, f"a Signalbox {version[1]} runs here, and this is {__version__}", "start it again")
    mine = digest[:12] if digest is not None else "found"
    if revision is not None and revision[1] != mine:
        fix = "start it with these rules: signalbox serve --rules FILE; or name its file: signalbox doctor --rules FILE"
        return warning(title, f"a Signalbox {version[1]} runs here, by other rules", fix)
    return fine(title, f"a Signalbox {version[1]} runs here, by these rules")


async def redis(settings: Settings, patience: float) -> Result:
    """PING, its version, and what it does when it is full."""
    url = reveal(settings.redis_url)
    if url is None:
        return skipped("redis", "REDIS_URL is not set: answers are cached in memory, limits counted by each process")
    address = parse_address(url)
    from redis.exceptions import AuthenticationError, RedisError

    from router.cache.redis import RedisServer

    server: RedisServer | None = None
    try:
        async with asyncio.timeout(patience):
            server = RedisServer(address)
            began = time.perf_counter()
            await server.ping()
            took = (time.perf_counter() - began) * 1000
            began = time.perf_counter()
            await server.ping()
            again = (time.perf_counter() - began) * 1000
            about = await _info(server)
    except AuthenticationError as error:
        return failure("redis", f"{address}: {error}", "REDIS_URL=redis://USER:PASSWORD@HOST:6379/0")
    except (OSError, RedisError, TimeoutError) as error:
        told = f"no answer within {patience:g} s" if isinstance(error, TimeoutError) else str(error)
        return failure("redis", f"{address}: {told}", _start(address))
    finally:
        if server is not None:
            await server.close()
    return _redis(address, about, took, again)


def _start(address: Address) -> str:
    local = address.hosts[0][0] in ("localhost", "127.0.0.1", "::1")
    start = "redis-server --maxmemory 256mb --maxmemory-policy allkeys-lru" if local else "start it there"
    return f"{start}; or take REDIS_URL away: all works without"


async def _info(server: Any) -> dict[str, Any]:
    """What INFO says; {} where it may not be asked, and for a Cluster, whose nodes each have their own."""
    from redis.exceptions import RedisError

    try:
        about = await server.client.info()
    except RedisError:
        return {}
    return about if isinstance(about, dict) and "redis_version" in about else {}


def _redis(address: Address, about: Mapping[str, Any], took: float, again: float) -> Result:
    version = about.get("redis_version")
    told = f"{version or 'answers'} at {address}, {again:,.1f} ms"
    if version is None:
        return fine("redis", told, took)
    used, most = float(about.get("used_memory", 0)) / 1e6, float(about.get("maxmemory", 0)) / 1e6
    policy = about.get("maxmemory_policy", "")
    told += f", {used:,.0f} of {most:,.0f} MB, {policy}" if most else f", {used:,.0f} MB used, no limit"
    if most and policy == "noeviction":
        fix = "redis-cli config set maxmemory-policy allkeys-lru"
        return warning("redis", f"{told}: when it is full, nothing more is cached or counted", fix, took)
    if not most:
        fix = "redis-cli config set maxmemory 256mb; and: config set maxmemory-policy allkeys-lru"
        return warning("redis", told, fix, took)
    return fine("redis", told, took)


async def traces(environ: Mapping[str, str] = os.environ, patience: float = 3.0) -> Result:
    """Whether somebody listens where traces go; none is sent."""
    if not wanted(environ):
        return skipped("traces", "OTEL_EXPORTER_OTLP_ENDPOINT is not set: none are sent")
    said = next(environ[name] for name in ENDPOINTS if environ.get(name))
    try:
        url = urlsplit(said)
        host, number = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return failure("traces", "OTEL_EXPORTER_OTLP_ENDPOINT is no URL", "http://127.0.0.1:6006 is Phoenix's")
    where = shown(f"{url.scheme}://{host}:{number}{url.path}")
    began = time.perf_counter()
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(host, number)
    except (OSError, TimeoutError, UnicodeError) as error:
        told = getattr(error, "strerror", None) or f"no connection within {patience:g} s"
        return failure("traces", f"{where}: {told}", "start the collector, or take OTEL_EXPORTER_OTLP_ENDPOINT away")
    writer.close()
    return fine("traces", f"somebody listens at {where}", (time.perf_counter() - began) * 1000)
