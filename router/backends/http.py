"""Any server that speaks the OpenAI API over HTTP: bytes go out as they came, answers come back as they are."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from router.backends.contract import Answer, Backend, BackendError, Call
from router.backends.probe import Prober
from router.backends.scrub import Scrubber
from router.backends.servers.counting import count
from router.backends.servers.interview import NOT_NOW
from router.backends.slots import Slots
from router.config.backend import HttpBackend as Spec
from router.config.facts import Facts
from router.config.secret import reveal
from router.endpoints.servers import toward
from router.endpoints.translation import ask_translated
from router.request.credentials import CREDENTIALS, sounds_secret
from router.toolcalls.answer import mended
from router.wire.client import Limits, Origin, Pool, Response, WireError

__all__ = ["HttpBackend"]

_STATUS = {"timeout": 504, "refused": 400}

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Never followed: where a request goes is said in the rules and nowhere else. Nor are they relayed, for many clients
follow them, and would send the prompt to a place that no rule knows."""

PROBE_PATIENCE = 3.0
"""Seconds a server may take to say what it is."""
PROBE_LIMIT = 2 * 1024 * 1024
"""Bytes of one answer to that: a thousand models with 2 kB each. While it is parsed all other requests are held up."""


class HttpBackend(Backend):
    """One base URL, one pool of connections."""

    def __init__(self, name: str, spec: Spec, facts: Facts):
        self.name = name
        self.spec = spec
        self.facts = facts
        self.asks_usage = spec.stream_usage
        self.first_content = spec.timeouts.first_content
        self.takes_client_key = spec.pass_key
        url = urlsplit(spec.url)
        host = url.hostname or ""
        port = url.port or (443 if url.scheme == "https" else 80)
        self._base = url.path.rstrip("/").encode()
        self._root = self._base.removesuffix(b"/v1")
        limits = spec.timeouts
        tls = _tls(spec.verify) if url.scheme == "https" else None
        # A name under .localhost is this machine by definition (RFC 6761 §6.3), which a DNS server need not know.
        here = tls is None and host.endswith(".localhost")
        self.pool = Pool(
            Origin("localhost" if here else host, port, tls),
            Limits(limits.connect, limits.first_byte, limits.idle, limits.total),
        )
        self.slots = Slots(spec.parallel, spec.queue, spec.queue_wait)
        own: dict[bytes, bytes] = {
            b"host": (f"[{host}]" if ":" in host else host).encode() + (b":%d" % port if url.port else b"")
        }
        if key := reveal(spec.api_key):
            own[b"authorization"] = b"Bearer " + key.encode("latin-1", "replace")
        for header, secret in spec.headers.items():
            own[header.lower().encode("latin-1", "replace")] = secret.get_secret_value().encode("latin-1", "replace")
        self._own_names, self._own = _head_of(own)
        keyless = {header: value for header, value in own.items() if header not in CREDENTIALS}
        self._keyless_names, self._keyless = _head_of(keyless)
        secrets = [reveal(value) for header, value in spec.headers.items() if sounds_secret(header)]
        self._scrubber = Scrubber([reveal(spec.api_key), *secrets])
        said = {option for option in ("accepts", "tools", "dialects") if option in spec.model_fields_set}
        said -= {option for option in ("accepts", "dialects") if getattr(spec, option) is None}
        # A cloud that does not say which program it runs is not asked for the pages of small servers.
        self.prober = Prober(facts, self, self._base, said, self._has_slots, strange=url.scheme == "http")

    async def start(self) -> None:
        self.prober.start()

    async def close(self) -> None:
        self.prober.stop()
        self.pool.close()

    @property
    def fingerprint(self) -> str:
        return self.spec.model_dump_json()

    async def ask(self, call: Call) -> Answer:
        """Relay the call, in the server's own form where it has one. An error status is an answer too: whoever asked
        judges it."""
        other = toward(call, self.spec, self.facts)
        return await self._relay(call) if other is None else await ask_translated(self._relay, call, other)

    async def _relay(self, call: Call) -> Answer:
        slots = self.slots
        self.prober.used = self.pool.loop.time()
        call.queued = await slots.take()
        try:
            if isinstance(call.body, bytes):
                response = await self.pool.send(self._head(call, len(call.body)), call.body)
            else:
                head = self._head(call, call.length)
                response = await self.pool.stream(head, call.body, chunked=call.length is None)
        except WireError as error:
            slots.give_back()
            if error.reason in ("connect", "tls"):
                self.prober.unreachable(str(error))
            elif error.reason != "refused":
                self.prober.suspected()
            raise BackendError(error.reason, str(error), status=_STATUS.get(error.reason, 502)) from error
        except BaseException:
            slots.give_back()
            raise
        if response.status in NOT_NOW:
            self.prober.suspected()
        elif self.facts.up is not True:
            self.prober.reached()
        if response.status in REDIRECTS:
            response.abort()
            slots.give_back()
            raise BackendError("broken", _redirected(response))
        return mended(HttpAnswer(response, slots, self._scrubber), call, self.spec.repair_tool_calls)

    async def count_tokens(self, data: dict[str, Any]) -> int | None:
        if self.facts.loaded is False:  # to ask would load the model
            return None
        try:
            return await count(self, self._base, self.facts.server, data)
        except WireError:
            return None

    @property
    def busy(self) -> bool:
        """It is answering."""
        return self.slots.busy > 0

    def wanted(self) -> None:
        self.prober.wanted()

    def suspected(self) -> None:
        self.prober.suspected()

    async def knock(self) -> None:
        """Open a connection and close it. Raises WireError."""
        await self.pool.knock()

    async def fetch(self, path: bytes, body: bytes | None = None) -> tuple[int, bytes]:
        """GET a path of the server, or POST JSON there. Raises WireError."""
        # A server that serves one connection at a time must not be held up by an idle one.
        head = b"GET %b HTTP/1.1\r\n%bconnection: close\r\n\r\n" % (path, self._own)
        if body is not None:
            kind = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
            head = b"POST %b HTTP/1.1\r\n%b%bconnection: close\r\n\r\n" % (path, self._own, kind)
        try:
            async with asyncio.timeout(PROBE_PATIENCE):
                response = await self.pool.send(head, body or b"")
                return response.status, await response.read(PROBE_LIMIT)
        except TimeoutError:
            raise WireError("timeout", f"no answer within {PROBE_PATIENCE:g} s") from None

    def _has_slots(self, slots: int | None) -> None:
        """The server has told how many requests it works on at once; what the YAML says stands above it."""
        if self.spec.parallel is None:
            self.slots.resize(slots)

    def _head(self, call: Call, length: int | None) -> bytes:
        query = b"?" + call.query if call.query else b""
        own, mine = (self._own_names, self._own) if not call.credentials else (self._keyless_names, self._keyless)
        parts = [
            b"%b %b%b HTTP/1.1\r\n" % (call.method.encode("ascii"), self._target(call.path), query),
            mine,
        ]
        for name, value in (*call.headers, *call.credentials) if call.credentials else call.headers:
            if name not in own:
                parts += (name, b": ", value, b"\r\n")
        if length is None:
            parts.append(b"transfer-encoding: chunked\r\n\r\n")
        elif length or call.method not in ("GET", "DELETE"):
            parts.append(b"content-length: %d\r\n\r\n" % length)
        else:
            parts.append(b"\r\n")
        return b"".join(parts)

    def _target(self, path: str) -> bytes:
        """Of a canonical path, or of one that the server has beside its API."""
        if path.startswith("/v1/"):
            return self._base + path[3:].encode("latin-1")
        return self._root + path.encode("latin-1")


class HttpAnswer(Answer):
    """A response, and the slot that its request holds."""

    __slots__ = ("_response", "_scrubber", "_slots", "headers", "status")

    def __init__(self, response: Response, slots: Slots, scrubber: Scrubber):
        self._response = response
        self._slots: Slots | None = slots
        self._scrubber = scrubber
        self.status = response.status
        self.headers = scrubber.headers(response.headers) if scrubber else response.headers

    async def read(self) -> bytes:
        try:
            return self._scrubber.whole(await self._response.read(), self.status)
        except WireError as error:
            raise BackendError(error.reason, str(error)) from error
        finally:
            self._free()

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        clean = self._scrubber.stream(sink)
        try:
            await self._response.pipe(sink if clean is None else clean.take, ready)
            if clean is not None:
                clean.end()
        except WireError as error:
            raise BackendError(error.reason, str(error)) from error
        finally:
            self._free()

    def abort(self) -> None:
        self._response.abort()
        self._free()

    def _free(self) -> None:
        if self._slots is not None:
            self._slots.give_back()
            self._slots = None


def _tls(verify: bool | str) -> ssl.SSLContext:
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _head_of(headers: Mapping[bytes, bytes]) -> tuple[frozenset[bytes], bytes]:
    """The names, and the lines."""
    lines = (b"%b: %b\r\n" % (name, _one_line(value)) for name, value in headers.items())
    return frozenset(headers), b"".join(lines)


def _redirected(response: Response) -> str:
    """Where to, without what may be secret in it."""
    told = next((value for name, value in response.headers if name == b"location"), b"").decode("latin-1")
    try:
        host = urlsplit(told).hostname
    except ValueError:
        host = None
    where = f"to {host}" if host else "elsewhere"
    return f"it redirects {where} (status {response.status}), and redirects are not followed: say the right `url`"


def _one_line(value: bytes) -> bytes:
    """A header value must not hold line ends: they would begin a header of their own."""
    return value.replace(b"\r", b"").replace(b"\n", b"")
