"""All clients."""

from __future__ import annotations

from router.clients.coding import CODING
from router.clients.contract import Client
from router.clients.snippets import SNIPPETS

__all__ = ["CLIENTS"]

CLIENTS: dict[str, Client] = {client.name: client for client in (*CODING, *SNIPPETS)}
