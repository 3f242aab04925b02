"""How models write tool calls when nobody takes them out of their text, and where such a call may be beginning.

A wrapper is known by its first words: an opening mark and what must follow it. That is enough to say of each beginning
of a text whether a call may be on its way, however it is cut into pieces. What it holds is read by `reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["LEAKED", "Names", "Wrapper", "wrappers"]

Step = tuple[str, ...]
_KEYS = tuple(f"{quote}{key}{quote}" for key in ("name", "function", "type") for quote in ('"', "'"))
_OBJECT: Step = ("{", "[")


class Names:
    """The tools that the request offers. Models write `functions.read` for `read`, and do not mind its case."""

    def __init__(self, offered: Iterable[str]):
        self.exact = tuple(dict.fromkeys(offered))
        folded: dict[str, str | None] = {}
        for name in self.exact:
            folded[name.casefold()] = None if name.casefold() in folded else name
        self._folded = folded

    def offered(self, written: object) -> str | None:
        """The tool that is meant; None where none is, or two might be."""
        if not isinstance(written, str):
            return None
        written = written.strip()
        for name in (written, written.removeprefix("functions.")):
            if name in self.exact:
                return name
            if (found := self._folded.get(name.casefold())) is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One way to write calls."""

    name: str
    steps: tuple[Step, ...]
    """What stands at its beginning, one of each after the other; between them there may be spaces and line ends."""
    whole: bool = False
    """Only where the answer is nothing else: such a text could as well be an example."""

    def begins(self, text: str) -> bool:
        """This is its beginning, or may become it with what follows."""
        at = 0
        for number, step in enumerate(self.steps):
            if number:
                while text[at : at + 1].isspace():
                    at += 1
            taken = _taken(text, at, step)
            if taken is None:
                return False
            if not taken:
                return True
            at += taken
        return True


def _taken(text: str, at: int, step: Step) -> int | None:
    """Characters of the longest word that stands there; 0: the text ends within one; None: none of them does."""
    rest = text[at : at + max(map(len, step))].casefold()
    longest = 0
    for word in step:
        folded = word.casefold()
        if len(rest) < len(word) and folded.startswith(rest):
            return 0  # even where a shorter one is complete
        if rest.startswith(folded):
            longest = max(longest, len(word))
    return longest or None


def wrappers(names: Names) -> tuple[Wrapper, ...]:
    """All that are known, for these tools.

    Sources: the chat templates of the models named, the tool parsers of vLLM (`vllm/tool_parsers`) and of llama.cpp
    (`common/chat*.cpp`), and for gpt-oss the description of the harmony format.
    """
    tools = (*names.exact, *(f"functions.{name}" for name in names.exact))
    return (
        # Hermes 2 Pro, Qwen 2.5 and 3: JSON; Qwen3-Coder: XML within; GLM-4.5: the name, then keys and values.
        Wrapper("tool_call", (("<tool_call>",), (*_OBJECT, "<function=", "```", *tools))),
        # Llama 3.1's own form, and Qwen3-Coder's without the mark around it.
        Wrapper("function", (("<function=",), tools)),
        Wrapper("python_tag", (("<|python_tag|>",), _OBJECT)),  # Llama 3.1 and later
        Wrapper("mistral", (("[TOOL_CALLS]",), (*_OBJECT, *tools))),  # before version 11 of its tokenizer: a list
        Wrapper(
            "deepseek",
            (("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"), ("<｜tool▁call▁begin｜>", "function", *tools)),
        ),
        Wrapper("granite", (("<|tool_call|>",), _OBJECT)),
        Wrapper("phi", (("functools",), ("[",), ("{",))),
        Wrapper("kimi", (("<|tool_calls_section_begin|>", "<|tool_call_begin|>"), ("<|tool_call_begin|>", *tools))),
        Wrapper(
            "harmony",
            (
                ("<|channel|>commentary", "<|start|>assistant"),
                ("to=", "<|channel|>commentary"),
                ("to=", *tools),
            ),
        ),
        Wrapper("json", (("{",), _KEYS), whole=True),
        Wrapper("json", (("[",), ("{",), _KEYS), whole=True),
        Wrapper("fence", (("```json", "```tool_call", "```"), ("{",), _KEYS), whole=True),
        Wrapper("fence", (("```json", "```tool_call", "```"), ("[",), ("{",), _KEYS), whole=True),
        Wrapper("pythonic", (("[",), names.exact, ("(",)), whole=True),  # Llama 4, Llama 3.2
    )


_SHARED = frozenset({"phi", "harmony"})
"""Wrappers whose first words open other texts as well."""


def _marked(wrapper: Wrapper) -> str:
    first, second, *_ = ("|".join(map(re.escape, step)) for step in wrapper.steps)
    return rf"(?:{first})\s*(?:{second})" if wrapper.name in _SHARED else first


LEAKED = re.compile("|".join(_marked(each) for each in wrappers(Names(())) if not each.whole) + "|<function[_ ]")
"""The mark of a call that no server has taken out of the text, whichever tool it names."""
