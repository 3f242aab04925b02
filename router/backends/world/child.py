"""The child process of one world backend: `python -m router.backends.world.child NAME`, spoken to in frames.

Why a process of its own, and no thread: llama.cpp ends its process when an assertion of its fails, a mapped file that
is cut short kills the reader, and a model that outgrows the memory is killed; here all of that ends this process, and
the proxy serves on and starts another. It also has an interpreter lock of its own: a step of the decoder never holds
up the proxy's loop. It costs some 55 MB with the yard in it, 0.2 s when it starts, and some 35 µs for a frame to and
fro.

The main thread reads; each request has a thread; the crowd has one. When the input ends, the proxy is gone, however it
went, and this process ends at once, whatever it is doing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from router.backends.contract import BackendError
from router.backends.world.frames import Frame, Frames, Kind, frame
from router.backends.world.hearing import Listener
from router.backends.world.question import Question
from router.backends.world.settings import Settings
from router.backends.world.speaker import Speaker, Spoken, open_speaker
from router.backends.world.writing import Writing
from router.world.files import WorldError

__all__ = ["Child", "main"]


class Child:
    """What the frames mean. `send` may be called from any thread."""

    def __init__(self, send: Callable[[bytes], None]):
        self._send = send
        self._settings = Settings("")
        self._speaker: Speaker | None = None
        self._listeners: dict[int, Listener] = {}
        self._workers = ThreadPoolExecutor(1)

    def take(self, received: Frame) -> None:
        """Main thread: a frame has come. Never waits."""
        if received.kind == Kind.ASK and self._speaker is not None:
            listener = self._listeners[received.number] = Listener(self._speaker.crowd)
            self._workers.submit(self._answer, self._speaker, received.number, received.payload, listener)
        elif received.kind == Kind.CANCEL:
            listener_there = self._listeners.get(received.number)
            if listener_there is not None:
                listener_there.cancel()
        elif received.kind == Kind.PING:
            self._send(frame(Kind.PONG))
        elif received.kind == Kind.OPEN:
            threading.Thread(target=self._open, args=(received.payload,), name="open", daemon=True).start()

    def _open(self, payload: bytes) -> None:
        self._settings = settings = Settings.loads(payload)
        try:
            speaker = open_speaker(settings)
        except WorldError as error:
            self._fault(str(error))
        except (ImportError, OSError, RuntimeError) as error:
            self._fault(f"llama-cpp-python cannot be used ({error}); `make llama` installs it")
        else:
            self._workers = ThreadPoolExecutor(settings.parallel, "request")
            self._speaker = speaker
            self._send(frame(Kind.READY))

    def _fault(self, sentence: str) -> None:
        self._send(frame(Kind.FAULT, 0, orjson.dumps(sentence)))
        os._exit(0)

    def _answer(self, speaker: Speaker, number: int, payload: bytes, listener: Listener) -> None:
        """A request's whole life, in a thread of its own."""
        try:
            last = self._spoken(speaker, number, payload, listener)
        except BackendError as error:
            last = frame(Kind.ERROR, number, orjson.dumps(_fields(error)))
        except Exception as error:
            # Of ours, or memory that ran out: this request fails, the others go on.
            name = type(error).__name__
            print(f"a request failed: {name}: {error}", file=sys.stderr, flush=True)
            fault = BackendError("broken", f"{self._settings.name} failed: {name}")
            last = frame(Kind.ERROR, number, orjson.dumps(_fields(fault)))
        del self._listeners[number]
        self._send(last)

    def _spoken(self, speaker: Speaker, number: int, payload: bytes, listener: Listener) -> bytes:
        """Answer; all but the returned frames is sent. Raises BackendError."""
        question = Question.loads(payload, self._settings)
        writing, spoken = Writing(self._settings.name, question), Spoken()
        for text in speaker.speak(question, listener, spoken):
            if piece := writing.piece(text):
                self._send(frame(Kind.PIECE, number, piece))
        tally = orjson.dumps(spoken.tally)
        return frame(Kind.PIECE, number, writing.end(spoken)) + frame(Kind.END, number, tally)


def _fields(error: BackendError) -> dict[str, Any]:
    return {
        "reason": error.reason,
        "message": error.message,
        "status": error.status,
        "retry_after": error.retry_after,
        "code": error.code,
    }


class Pipe:
    """Where the frames go. A write of several threads is one after the other, and whole."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        """Waits while the pipe is full. When nobody reads any more the process ends."""
        left = memoryview(data)
        try:
            with self._lock:
                while left:
                    left = left[os.write(self._descriptor, left) :]
        except OSError:
            os._exit(0)


def main() -> None:
    """Serve until the input ends."""
    # Ctrl+C and a supervisor's SIGTERM reach the whole group. The proxy may still let answers end; then it closes the
    # pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    pipe = Pipe(os.dup(1))
    os.dup2(2, 1)  # what a library prints is no frame
    child, frames = Child(pipe.send), Frames()
    while data := os.read(0, 1 << 16):
        for received in frames.feed(data):
            child.take(received)
    os._exit(0)


if __name__ == "__main__":
    main()
