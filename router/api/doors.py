"""The doors: what the inbound lane asks of us. Read, authorize, hand on to the journey, and give errors their shape."""

from __future__ import annotations

import asyncio
import logging
import os
from itertools import count
from time import perf_counter
from typing import Any
from urllib.parse import unquote

from router.accounts.keys import ClientKey
from router.api.cors import Cors
from router.api.models import model_list, one_model
from router.api.paths import JSON_DOORS, UPLOADS, canonical
from router.box import Box
from router.config.grant import Grant
from router.journey import travel
from router.refusal import Refusal, shape
from router.request.edit import parse
from router.request.envelope import Envelope, Headers
from router.request.multipart import fields
from router.request.upload import Upload
from router.respond import respond
from router.telemetry.record import Record
from router.wire.exchange import Exchange
from router.wire.outbox import Outbox

__all__ = ["ApiDoors"]

log = logging.getLogger("signalbox.api")

RawHeaders = list[tuple[bytes, bytes]]

PEEK = 64 * 1024
"""Bytes of an upload looked at for its form fields before the decision. A `model` field after the file comes too
late for the rules, and is still replaced on its way through."""

JSON = [(b"content-type", b"application/json")]


class ApiDoors:
    """Fulfils `wire.inbound.Doors`."""

    def __init__(self, box: Box):
        self.box = box
        self.body_limit = box.settings.body_limit
        self.outbox = Outbox(asyncio.get_running_loop())
        self.cors = Cors(box.settings.cors_origins)
        self._prefix = os.urandom(4).hex()
        self._numbers = count(1)

    def opens(self, method: str, path: str) -> bool:
        """Any method but those that ask about the path itself."""
        return method not in ("OPTIONS", "HEAD", "CONNECT", "TRACE") and canonical(path) is not None

    def streams_body(self, method: str, path: str, content_type: str) -> bool:
        """Forms with files, and bodies of unknown kinds on paths that are only relayed."""
        if content_type.startswith("application/json"):
            return False
        name = canonical(path)
        return name in UPLOADS or (content_type.startswith("multipart/") and name not in JSON_DOORS)

    def complain(self, status: int, message: str) -> tuple[RawHeaders, bytes]:
        """An error found before the path is known."""
        return shape(Refusal(status, message))

    def welcomes(self, headers: RawHeaders) -> bool:
        """It has a key, or needs none."""
        try:
            self._admit(headers)
        except Refusal:
            return False
        return True

    async def answer(self, exchange: Exchange) -> None:
        """Answer it, whatever it is; nothing escapes but the cancellation."""
        path = canonical(exchange.path) or exchange.path
        record = Record(f"{self._prefix}-{next(self._numbers):06x}", path, perf_counter())
        self.box.metrics.running += 1
        if self.box.spans is not None:
            record.trace = self.box.spans.begin(exchange.headers)
        if self.cors.origins:
            exchange.extra = self.cors.headers(exchange.headers)
        try:
            await self._answer(exchange, path, record)
        except Refusal as refusal:
            record.outcome = "refused" if refusal.status < 500 else "failed"
            self._refuse(exchange, path, record, refusal)
        except asyncio.CancelledError:
            record.outcome = "cancelled"
            record.cancelled_by = "client" if exchange.disconnected else "shutdown"
            record.status = record.status or 499
            exchange.cut()
            raise
        except Exception:
            log.exception("request %s failed by a fault of this program", record.id)
            record.outcome = "failed"
            self._refuse(exchange, path, record, Refusal(500, f"a fault of the proxy; its log has request {record.id}"))
        finally:
            record.ended = perf_counter()
            self.box.metrics.running -= 1
            self.box.record(record)

    async def _answer(self, exchange: Exchange, path: str, record: Record) -> None:
        grant = None
        if (client := self._admit(exchange.headers)) is not None:
            record.key, grant = client.alias, client.grant
        if exchange.method == "GET" and path.startswith("/v1/models"):
            self._models(exchange, path, record, grant)
        elif exchange.streaming:
            await self._upload(exchange, path, record, grant)
        else:
            await travel(self.box, exchange, self._read(exchange, path, record.key, grant), record)

    def _admit(self, headers: RawHeaders) -> ClientKey | None:
        """Whose request it is; None where no key is needed. Raises Refusal (401, 403)."""
        keys = self.box.keyring.keys
        if keys:
            return keys.admit(headers)
        if (why := self.cors.stranger(headers)) is not None:
            raise Refusal(403, why, code="origin_not_allowed")
        return None

    def _models(self, exchange: Exchange, path: str, record: Record, grant: Grant | None) -> None:
        state = self.box.state
        name = unquote(path.removeprefix("/v1/models").lstrip("/"))
        anthropic = any(header == b"anthropic-version" for header, _ in exchange.headers)
        if name:
            listed = one_model(state, name, grant, anthropic=anthropic)
        else:
            listed = model_list(state, grant, exchange.query, anthropic=anthropic)
        record.status = 200
        exchange.respond(200, JSON, listed)

    def _read(self, exchange: Exchange, path: str, key: str | None, grant: Grant | None) -> Envelope:
        body = exchange.body()
        envelope = Envelope(path, {}, Headers(exchange.headers), body, exchange.method, exchange.query, key, grant)
        if path in JSON_DOORS and exchange.method == "POST":
            envelope.data = _checked(_parsed(body), path)
        elif body and envelope.headers.get("content-type").startswith("application/json"):
            envelope.data = _parsed(body)
        return envelope

    async def _upload(self, exchange: Exchange, path: str, record: Record, grant: Grant | None) -> None:
        headers = Headers(exchange.headers)
        kind = headers.get("content-type")
        if not self.streams_body(exchange.method, exchange.path, kind.lower()):
            why = "the key of this request was not known yet when it came: send it again"
            raise Refusal(401, why, code="invalid_api_key")
        pieces = exchange.arriving()
        head, found = b"", {}
        async for piece in pieces:
            head += piece
            try:
                found = fields(head, kind)
            except ValueError as error:
                raise Refusal(400, str(error), code="invalid_form") from None
            if "model" in found or len(head) >= PEEK:
                break
        envelope = Envelope(path, dict(found), headers, b"", exchange.method, exchange.query, record.key, grant)
        length = headers.get("content-length")
        upload = Upload(head, pieces, kind, int(length) if length.isdigit() else None)
        await travel(self.box, exchange, envelope, record, upload)

    def _refuse(self, exchange: Exchange, path: str, record: Record, refusal: Refusal) -> None:
        record.status, record.retry_after = refusal.status, refusal.retry_after
        headers, body = shape(refusal, anthropic=path.startswith("/v1/messages"))
        headers.append((b"x-request-id", record.id.encode("ascii")))
        if exchange.started and (refusal.cut or not exchange.commented):
            exchange.cut()
        else:
            respond(exchange, refusal.status, headers, body, path)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        return parse(body)
    except ValueError as error:
        raise Refusal(400, str(error), code="invalid_json") from None


def _checked(data: dict[str, Any], path: str) -> dict[str, Any]:
    """The few types the proxy itself relies on; all else is the backend's to judge."""
    if not isinstance(data.get("model", ""), str | None):
        raise Refusal(400, '"model" is not a string', code="invalid_type", param="model")
    if not isinstance(data.get("stream"), bool | None):
        raise Refusal(400, '"stream" is not true or false', code="invalid_type", param="stream")
    if path in ("/v1/chat/completions", "/v1/messages") and not isinstance(data.get("messages"), list):
        raise Refusal(400, '"messages" is not a list', code="invalid_type", param="messages")
    return data
