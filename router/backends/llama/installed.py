"""Whether llama-cpp-python is here. It compiles for minutes, and may come while the proxy runs."""

from __future__ import annotations

import importlib.metadata
import importlib.util

__all__ = ["NOT_INSTALLED", "llama_is_installed"]

NOT_INSTALLED = (
    "llama.cpp is not installed yet: `make llama` compiles it, which takes some minutes once; `make run` does so in "
    "the background"
)


def llama_is_installed() -> bool:
    """It can be imported. While pip still writes its files it cannot: half a library would end the process."""
    importlib.invalidate_caches()
    if importlib.util.find_spec("llama_cpp") is None:
        return False
    try:
        # pip writes this list last of all.
        return importlib.metadata.distribution("llama-cpp-python").read_text("RECORD") is not None
    except importlib.metadata.PackageNotFoundError:
        return True  # not from a wheel: somebody knew what to do
