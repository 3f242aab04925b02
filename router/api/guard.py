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
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from router.api.cors import Cors
from router.box import Box
from router.config.known import is_loopback_host
from router.refusal import Refusal

__all__ = ["TheBox", "for_admins", "is_admin", "is_here"]

RawHeaders = Iterable[tuple[bytes, bytes]]

WANTED = {"www-authenticate": 'Bearer, Basic realm="signalbox"'}
"""A browser asks for a password: any user, and the key."""


def _box(request: Request) -> Box:
    box: Box = request.state.box
    return box


TheBox = Annotated[Box, Depends(_box)]


def for_admins(request: Request, box: TheBox) -> None:
    """Raises HTTPException (401, 403) for all others."""
    if is_admin(box, request.scope["headers"]):
        return
    if box.settings.admin_key is None and is_here(box) and not box.keyring.keys:
        raise HTTPException(403, "web pages from elsewhere may not look at this one")
    if box.settings.admin_key is None and not is_here(box):
        raise HTTPException(403, "this page is closed: on an address that others can reach, set SIGNALBOX_ADMIN_KEY")
    whose = "the admin key (SIGNALBOX_ADMIN_KEY)" if box.settings.admin_key is not None else "a client key"
    raise HTTPException(401, f"{whose} is needed: Authorization: Bearer KEY", WANTED)


def is_here(box: Box) -> bool:
    """It listens where only this machine's programs can reach it."""
    return is_loopback_host(box.settings.host.strip("[]"))


def is_admin(box: Box, headers: RawHeaders) -> bool:
    """These headers come from one who may see everything."""
    admin_key, keys = box.settings.admin_key, box.keyring.keys
    shown = [key for key in (_shown(name, value) for name, value in headers) if key]
    if admin_key is not None:
        digest = hashlib.sha256(admin_key.get_secret_value().encode()).digest()
        return any(hmac.compare_digest(hashlib.sha256(key).digest(), digest) for key in shown)
    if not is_here(box) or not keys:
        return is_here(box) and Cors(box.settings.cors_origins).stranger(headers) is None
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
