"""llama.cpp itself, through the ctypes declarations of llama-cpp-python: loaded once, and kept quiet.

The low-level interface is used. The high-level `Llama` copies each batch and each vocabulary-sized row in Python,
cannot stop inside a prompt, and lets a grammar fault or a full context end in an exception of no kind.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections import deque
from typing import Any

__all__ = ["abort_on", "library", "loading", "said"]

loading = threading.Lock()
"""Held while a model is loaded: what llama.cpp says then belongs to that model."""

_ERROR = 4
_said: deque[str] = deque(maxlen=8)
_kept: list[Any] = []
"""Callbacks that C code may still call: never to be collected."""


@functools.cache
def library() -> Any:
    """The module `llama_cpp.llama_cpp`. Its import takes half a second; raises ImportError when it is not installed,
    OSError or RuntimeError when the compiled library does not load."""
    # When it has to abort, ggml would start a debugger on this process, and print what that finds.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    # Its threads meet after each node of a graph. By default they spin there until the last has come, for milliseconds
    # when that one waits for a core: with one busy neighbour on two cores a token then takes a hundred times as long.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import llama_cpp.llama_cpp as library

    callback = library.llama_log_callback(_log)
    _kept.append(callback)
    library.llama_log_set(callback, ctypes.c_void_p(0))
    library.llama_backend_init()
    return library


def said() -> str:
    """llama.cpp's latest errors, as one line; empties the memory."""
    text = "; ".join(dict.fromkeys(line.strip() for line in _said if line.strip()))
    _said.clear()
    return text


def abort_on(flag: Any) -> tuple[Any, int]:
    """(callback, its data) for a context that is to stop computing when `flag[0]`, a ctypes char array, is set to 1.

    The callback is C's own `strlen`: 0 for an empty text, 1 for one that holds a single \\x01. llama.cpp asks it for
    each node of its graph, and a callback in Python would wait there for the interpreter's lock each time.
    """
    strlen = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None).strlen
    return ctypes.cast(strlen, library().ggml_abort_callback), ctypes.addressof(flag)


def _log(level: int, text: bytes, _: Any) -> None:
    if level == _ERROR:
        _said.append(text.decode("utf-8", "replace"))
