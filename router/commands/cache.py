"""`signalbox cache stats|clear`: what is cached, and forgetting it; of Redis directly, else of the running proxy."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from router.cache.address import parse_address
from router.cache.store import Stats, StoreError
from router.settings import Settings, faults

__all__ = ["arguments", "run"]

PATIENCE = 30.0
"""Seconds the proxy may take."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and whom to ask."""
    parser.add_argument("what", choices=["stats", "clear"], help="show what is cached, or forget it")
    parser.add_argument("--route", metavar="NAME", help="of this route alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--proxy",
        metavar="URL",
        help="ask this running proxy, and not Redis (default without REDIS_URL: http://127.0.0.1:4000)",
    )
    parser.add_argument(
        "--key",
        metavar="KEY",
        help="admin key of the proxy (default: SIGNALBOX_ADMIN_KEY, else the first of SIGNALBOX_KEYS)",
    )


def run(args: argparse.Namespace) -> int:
    """0: done. 1: neither Redis nor proxy could be asked. 2: the settings are not valid."""
    try:
        settings = Settings()
    except ValidationError as error:
        print(faults(error), file=sys.stderr)
        return 2
    try:
        if settings.redis_url is not None and not args.proxy:
            told = asyncio.run(_redis(settings.redis_url.get_secret_value(), args))
        else:
            told = _proxy(settings, args)
    except (StoreError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(told, indent=2) if args.json else _text(told, args), end="\n")
    return 0


async def _redis(url: str, args: argparse.Namespace) -> dict[str, Any]:
    from router.cache.redis import RedisServer

    address = parse_address(url)
    server = RedisServer(address)
    try:
        if args.what == "clear":
            return {"cleared": await server.clear(args.route)}
        return {"redis": _told(await server.stats(), args.route)}
    except Exception as error:  # redis-py has no one class for all that can go wrong on the way
        raise StoreError(f"Redis at {address} could not be asked: {type(error).__name__}: {error}"[:300]) from None
    finally:
        await server.close()


def _told(stats: Stats, route: str | None) -> dict[str, Any]:
    routes = {
        name: {"entries": entries, "bytes": size}
        for name, (entries, size) in sorted(stats.routes.items())
        if route is None or name == route
    }
    return {
        "entries": sum(share["entries"] for share in routes.values()),
        "bytes": sum(share["bytes"] for share in routes.values()),
        "routes": routes,
    }


def _proxy(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    base = (args.proxy or f"http://{_reachable(settings.host)}:{settings.port}").rstrip("/")
    query = f"?route={quote(args.route, safe='')}" if args.route is not None and args.what == "clear" else ""
    method = "DELETE" if args.what == "clear" else "GET"
    request = urllib.request.Request(f"{base}/api/cache{query}", method=method)
    own = settings.admin_key or next(iter(settings.keys.values()), None)
    key = args.key or (own.get_secret_value() if own is not None else None)
    if key is not None:
        request.add_header("authorization", f"Bearer {key}")
    try:
        with urllib.request.build_opener(_Straight).open(request, timeout=PATIENCE) as answer:
            told: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        message = json.loads(error.read() or b"{}").get("error", {}).get("message", error.reason)
        raise StoreError(f"{base} answered {error.code}: {message}") from None
    except urllib.error.URLError as error:
        hint = "is it running? --proxy URL names another, REDIS_URL the Redis to ask instead"
        raise StoreError(f"no proxy at {base} ({error.reason}); {hint}") from None
    if args.route is not None:
        for part in ("memory", "redis"):
            if told.get(part):
                share = told[part]["routes"].get(args.route, {"entries": 0, "bytes": 0})
                told[part].update(share, routes={args.route: share})
    return told


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key would go along."""

    def redirect_request(self, *_: Any) -> None:
        """None: the redirect is an error."""


def _reachable(host: str) -> str:
    """An address to call for one that is listened on."""
    if host in ("0.0.0.0", "::", "[::]"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _text(told: dict[str, Any], args: argparse.Namespace) -> str:
    if "cleared" in told:
        of = f" of route {args.route}" if args.route is not None else ""
        return f"{told['cleared']} answers{of} forgotten"
    lines = []
    for part in ("redis", "memory"):
        if (store := told.get(part)) is not None:
            fault = f"  ({store['fault']})" if store.get("fault") else ""
            lines.append(f"{part:<8}{store['entries']:>8} answers {store['bytes']:>14,} bytes{fault}")
            lines += [
                f"  {name:<22}{share['entries']:>8,} {share['bytes']:>14,}" for name, share in store["routes"].items()
            ]
    if results := told.get("results"):
        lines.append("requests  " + ", ".join(f"{count:,} {result}" for result, count in sorted(results.items())))
    return "\n".join(lines)
