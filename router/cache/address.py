"""What a Redis URL says: one server, a Sentinel's service, or a Cluster; with TLS, user and password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Address", "parse_address"]

Kind = Literal["single", "sentinel", "cluster"]

_SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_PORTS: dict[Kind, int] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_OPTIONS = (
    *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"),
    *("sentinel_username", "sentinel_password"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is. Printed, it shows no user, password or option."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...]
    tls: bool
    service: str = ""
    """Of a Sentinel: the name of what it watches over."""
    database: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{hosts} (Sentinel, {self.service})" if self.kind == "sentinel" else hosts


def parse_address(url: str) -> Address:
    """Raises ValueError with a sentence that shows nothing of the URL but its scheme."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise ValueError(f"a Redis URL begins with one of {', '.join(name + '://' for name in _SCHEMES)}")
    kind, tls = _SCHEMES[scheme.lower()]
    # urlsplit knows one host only, and takes a list of them for one with an odd port.
    parts = urlsplit(f"//{rest}")
    user, at, hosts = parts.netloc.rpartition("@")
    name, colon, password = user.partition(":")
    options = dict(parse_qsl(parts.query))
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise ValueError(
            f"the Redis URL has an option that is not known: {unknown[0]}; known are {', '.join(_OPTIONS)}"
        )
    path = [unquote(part) for part in parts.path.split("/") if part]
    service = path.pop(0) if kind == "sentinel" and path else ""
    if kind == "sentinel" and not service:
        raise ValueError("a Sentinel URL ends in the service's name: redis+sentinel://host:26379/mymaster")
    if len(path) > 1 or (path and not path[0].isdigit()):
        raise ValueError("the path of the Redis URL is the number of a database")
    if kind == "cluster" and path and path[0] != "0":
        raise ValueError("a Redis Cluster has database 0 only")
    return Address(
        kind,
        tuple(_host(part, _PORTS[kind]) for part in (hosts.split(",") if kind != "single" else [hosts])),
        tls,
        service,
        int(path[0]) if path else 0,
        unquote(name) or None if at else None,
        unquote(password) if at and colon else None,
        options,
    )


def _host(text: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise ValueError("the Redis URL names no host, or one that is none: redis://host:6379/0")
    return unquote(host), port or default
