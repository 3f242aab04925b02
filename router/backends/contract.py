"""What every kind of backend promises; a new kind is one file that fulfils this and one line in `registry.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from router.config.facts import Facts
from router.request.initiator import Initiator
from router.telemetry.work import Work

if TYPE_CHECKING:  # it raises what stands here
    from router.backends.circuit import Circuit
    from router.backends.slots import Slots
    from router.repair.repairs import Repairs

__all__ = ["Answer", "Backend", "BackendError", "Call", "Events", "Plain"]

RawHeaders = list[tuple[bytes, bytes]]


class BackendError(Exception):
    """A candidate could not answer, and nothing of its answer has reached the client.

    `reason` is a word of a closed list, for metrics and the trace: `connect`, `tls`, `timeout`, `full`, `broken`,
    `down`, `status 429`, `malformed` (it is not what it claims to be), `rejected` (it does not satisfy the route),
    `refused` (the request itself is at fault: no other candidate is asked, the client sees `status` and the message).
    """

    def __init__(
        self, reason: str, message: str, *, status: int = 502, retry_after: float | None = None, code: str | None = None
    ):
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.code = code


@dataclass(slots=True)
class Call:
    """One request on its way to one backend. Hop-by-hop headers and the client's secrets are already gone, but for what
    stands in `credentials`."""

    path: str
    """Canonical, `/v1/…`."""
    body: bytes | AsyncIterator[bytes]
    """Exactly what is to be sent; an iterator for an upload that is still arriving."""
    data: dict[str, Any] = field(default_factory=dict)
    """`body` parsed, for backends that do not relay bytes. Read only."""
    headers: RawHeaders = field(default_factory=list)
    """Client headers to pass on, lower-case names; `content-type` among them, no `content-length`."""
    stream: bool = False
    method: str = "POST"
    query: bytes = b""
    length: int | None = None
    """Bytes of an iterator body, where known."""
    queued: float | None = None
    """Seconds it waited for a slot; told by the backend when it is sent. None: it was not."""
    credentials: RawHeaders = field(default_factory=list)
    """Headers with the client's own key, for a backend that takes it."""
    changed: tuple[str, ...] = ()
    """A word for each repair without which this backend would refuse the request."""
    initiator: Initiator = "user"
    """Who began it, for a backend that `asks_initiator`."""
    repaired: list[str] = field(default_factory=list)
    """What was repaired in the answer, told by the backend that did so (`toolcalls/`)."""


class Answer(ABC):
    """A backend's answer, whose head is known and whose body may still be coming."""

    status: int = 200
    headers: RawHeaders

    @abstractmethod
    async def read(self) -> bytes:
        """The whole body. Raises BackendError when it breaks off."""

    @abstractmethod
    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        """Call `sink` with each piece as it arrives, until the end.

        `ready()` is None while the sink can take more, else an awaitable that ends when it can again. Raises
        BackendError when the body breaks off.
        """

    @abstractmethod
    def abort(self) -> None:
        """Stop the backend's work for this answer at once. Harmless after the end, and more than once."""


class Plain(Answer):
    """An answer that is already whole."""

    def __init__(self, body: bytes, status: int = 200, headers: RawHeaders | None = None):
        self.body = body
        self.status = status
        self.headers = headers if headers is not None else [(b"content-type", b"application/json")]

    async def read(self) -> bytes:
        return self.body

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        sink(self.body)

    def abort(self) -> None:
        return None


class Events(Answer):
    """An answer made here, piece by piece: an async iterator of byte strings (SSE events).

    The first piece is awaited by the relay like all others: a backend raises BackendError from the iterator before
    it to let the next candidate try.
    """

    def __init__(self, pieces: AsyncIterator[bytes], abort: Callable[[], None], headers: RawHeaders | None = None):
        self.pieces = pieces
        self._abort = abort
        self.headers = headers if headers is not None else [(b"content-type", b"text/event-stream; charset=utf-8")]

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces])

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        async for piece in self.pieces:
            sink(piece)
            if ready is not None and (wait := ready()) is not None:
                await wait

    def abort(self) -> None:
        self._abort()


class Backend(ABC):
    """One place that answers requests. `facts` is its own, and it keeps it true."""

    name: str
    facts: Facts
    work: Work | None = None
    """Of a model in process: what it has computed."""
    asks_usage: bool = True
    """Takes `stream_options.include_usage`."""
    first_content: float | None = None
    """Seconds within which the first content of a stream must come; None: as long as it takes."""
    asks_initiator: bool = False
    """It is told whether a user or an agent began a request."""
    takes_client_key: bool = False
    """It is sent the key that the client sent (`pass_key`)."""
    slots: Slots
    """Its queue."""
    repairs: Repairs
    """What is known of what it does not take."""
    circuit: Circuit | None = None
    """Leaves it alone after failures; None where the rules say `circuit: false`."""

    async def start(self) -> None:
        """Begin what takes time (load, import, probe) without holding up the server. Never raises for a fault of
        the backend: it becomes `facts.up = False` and `facts.fault`."""

    async def close(self) -> None:
        """Free everything. Answers under way may finish first, within the caller's patience."""

    @abstractmethod
    async def ask(self, call: Call) -> Answer:
        """Send the call. Returns when the answer's head is known; raises BackendError when there is none.

        Cancelling the task, or `abort()` on the answer, stops the backend's work.
        """

    async def count_tokens(self, data: dict[str, Any]) -> int | None:
        """Tokens of the prompt in `data`, a body of `/v1/chat/completions` as it would be sent there: those that its
        model would read. None where it cannot tell, or not now. Never raises."""
        return None

    def wanted(self) -> None:
        """A request would have gone there, had it not been held back: look soon whether it can be asked again."""
        return

    def suspected(self) -> None:
        """Its circuit has opened: look whether it is still there."""
        return

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Equal for two backends made from the same settings: a reload keeps the running one."""
