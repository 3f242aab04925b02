"""Who may see the pages for those who run the proxy: `/metrics`, `/api/…`, `/docs`.

With SIGNALBOX_ADMIN_KEY set it is what they want, and no client's key will do. Without it they are closed on an address
that others can reach. On loopback they then are as open as the doors: to everybody where no client key is needed, else
to those with a client key that is limited in nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Coroutine, Iterable
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute

from router.api.cors import Cors
from router.box import Box
from router.config.known import is_loopback_host
from router.refusal import Refusal

__all__ = ["Closed", "TheBox", "is_told"]

RawHeaders = Iterable[tuple[bytes, bytes]]

WANTED = {"www-authenticate": 'Bearer, Basic realm="signalbox"'}
"""A browser asks for a password: any user, and the key."""


def _box(request: Request) -> Box:
    box: Box = request.state.box
    return box


TheBox = Annotated[Box, Depends(_box)]


class Closed(APIRoute):
    """A page for admins. Who asks is looked at before a body is read, as a dependency would not."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _for_admins(request, _box(request))
            return await handler(request)

        return guarded


def _for_admins(request: Request, box: Box) -> None:
    """Raises HTTPException (401, 403) for all others."""
    headers = request.scope["headers"]
    if box.settings.admin_key is None and _is_here(box) and not box.keyring.keys:
        if (why := _stranger(box, headers, navigates=request.method == "GET")) is not None:
            raise HTTPException(403, why)
        return
    if _is_admin(box, headers):
        return
    if box.settings.admin_key is None and not _is_here(box):
        raise HTTPException(403, "this page is closed: on an address that others can reach, set SIGNALBOX_ADMIN_KEY")
    whose = "the admin key (SIGNALBOX_ADMIN_KEY)" if box.settings.admin_key is not None else "a client key"
    raise HTTPException(401, f"{whose} is needed: Authorization: Bearer KEY", WANTED)


def is_told(box: Box, headers: RawHeaders) -> bool:
    """These headers come from one who may know the names and addresses of backends: an admin, and on loopback all but
    pages from elsewhere."""
    return (_is_here(box) and _stranger(box, headers) is None) or _is_admin(box, headers)


def _is_here(box: Box) -> bool:
    """It listens where only this machine's programs can reach it."""
    return is_loopback_host(box.settings.host.strip("[]"))


def _stranger(box: Box, headers: RawHeaders, navigates: bool = False) -> str | None:
    return Cors(box.settings.cors_origins).stranger(headers, navigates)


def _is_admin(box: Box, headers: RawHeaders) -> bool:
    """A key among these headers opens the pages."""
    admin_key, keys = box.settings.admin_key, box.keyring.keys
    shown = [key for key in (_shown(name, value) for name, value in headers) if key]
    if admin_key is not None:
        digest = hashlib.sha256(admin_key.get_secret_value().encode()).digest()
        return any(hmac.compare_digest(hashlib.sha256(key).digest(), digest) for key in shown)
    if not _is_here(box) or not keys:
        return False
    try:
        return keys.admit([(b"x-api-key", key) for key in shown]).grant is None
    except Refusal:
        return False


def _shown(name: bytes, value: bytes) -> bytes:
    """The key in a header: after `Bearer`, as the password of `Basic`, or in `x-api-key`."""
    if name == b"x-api-key":
        return value.strip()
    if name != b"authorization":
        return b""
    kind, _, rest = value.strip().partition(b" ")
    if kind.lower() == b"bearer":
        return rest.strip()
    if kind.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
