"""The environment variables of a Tofy server: defaults of `kind: world`, below what the YAML says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["VARIABLES", "said_by_environment"]

_FORMS = ("chunks", "stats", "both")
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


def _flag(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise ValueError("1 or 0 is wanted")


def _form(text: str) -> str:
    if text in _FORMS:
        return text
    raise ValueError(f"one of {', '.join(_FORMS)} is wanted")


def _number(kind: Callable[[str], float], low: float, words: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"{words} is wanted") from None
        if not low <= value < float("inf"):
            raise ValueError(f"{words} is wanted")
        return value

    return read


VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "JEPA_DECODER_MODEL": ("decoder", str),
    "JEPA_DECODER_CTX": ("n_ctx", _number(int, 1, "a whole number of tokens")),
    "JEPA_DECODER_NGL": ("n_gpu_layers", _number(int, -1, "a whole number of layers")),
    "JEPA_DECODER_TEMP": ("temperature", _number(float, 0, "a number of at least 0")),
    "JEPA_DECODER_REPEAT_PENALTY": ("repeat_penalty", _number(float, 0.01, "a number above 0")),
    "JEPA_DECODER_COND_FORMAT": ("condition_format", _form),
    "JEPA_DEBUG": ("debug", _flag),
}
"""For each variable the option it stands for, and how its text is read."""


def said_by_environment(environ: Mapping[str, str], *, decoder: bool) -> dict[str, Any]:
    """Options with the values that the environment gives them. `decoder` False: only those that are about no decoder.

    An empty variable says nothing. Raises ValueError with a sentence that names the variable, never its value.
    """
    said: dict[str, Any] = {}
    for variable, (option, read) in VARIABLES.items():
        text = environ.get(variable, "").strip()
        if not text or (not decoder and variable.startswith("JEPA_DECODER_")):
            continue
        try:
            said[option] = read(text)
        except ValueError as error:
            raise ValueError(f"the environment variable {variable} cannot be used: {error}") from None
    return said
