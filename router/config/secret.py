"""Values that cannot be printed."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

from pydantic import PlainSerializer, SecretStr, WithJsonSchema

__all__ = ["Secret", "reveal"]


def _fingerprint(secret: SecretStr) -> str:
    return sha256(secret.get_secret_value().encode("utf-8", "replace")).hexdigest()


Secret = Annotated[SecretStr, PlainSerializer(_fingerprint), WithJsonSchema({"type": "string"})]
"""Printed, it is asterisks. Dumped, it is a digest: two settings that differ in a secret alone are still told apart."""


def reveal(secret: SecretStr | None) -> str | None:
    """The value itself, for whoever sends it."""
    return secret.get_secret_value() if secret is not None else None
