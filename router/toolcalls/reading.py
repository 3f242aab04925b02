"""What a wrapper holds: the calls, and whether their arguments had to be repaired.

A wrapper is read to the end of the answer. If anything but calls of offered tools stands in it or after it, nothing is
a call: prose that tells how a call is written goes on after it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from router.toolcalls.arguments import Lenience, as_object
from router.toolcalls.typed import typed
from router.toolcalls.wrappers import Names

__all__ = ["Call", "Tools", "read"]

LONGEST_PYTHON = 16 * 1024
"""Characters of a pythonic call that are parsed."""

_decode = json.JSONDecoder(strict=False).raw_decode
_SPACE = re.compile(r"\s*")
_END_MARKS = re.compile(r"(?:\s|<\|eot_id\|>|<\|eom_id\|>|<\|im_end\|>|<\|endoftext\|>|<\|end\|>|<\|call\|>|</s>)*")
"""What servers leave at the end of a text: end marks of Llama, Qwen, Phi, gpt-oss, Mistral."""


class _NoCall(Exception):
    """It is no call, or none that is plain."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was found. `arguments` is JSON."""

    name: str
    arguments: str
    repaired: bool


@dataclass(slots=True)
class Tools:
    """What one request offers: names, and of each the types of its parameters."""

    names: Names
    types: dict[str, dict[str, Any]]
    json_asked: bool = False
    """The answer itself is to be JSON: such an answer is no call, whatever it looks like."""
    lenience: Lenience = field(default_factory=Lenience)


def read(wrapper: str, text: str, tools: Tools) -> list[Call] | None:
    """The calls of a text that begins with this wrapper; None where it is none."""
    try:
        found = list(_READERS[wrapper](text, tools))
    except (_NoCall, RecursionError):
        return None
    return found or None


def _tag(text: str, tools: Tools) -> Iterator[Call]:
    """`<tool_call>…</tool_call>`, some of them; the last may be without its end, which models forget."""
    at = 0
    while text.startswith("<tool_call>", at):
        at = _skip(text, at + len("<tool_call>"))
        if text.startswith("<function=", at):
            call, at = _function(text, at, tools)
            yield call
        elif text[at : at + 1] in ("{", "[", "`"):
            found, at = _json_until(text, at, tools, "</tool_call>")
            yield from _calls(found, tools)
        else:
            call, at = _glm(text, at, tools)
            yield call
        at = _skip(text, at)
        at = _skip(text, at + len("</tool_call>") if text.startswith("</tool_call>", at) else at)
    _ends(text, at)


def _glm(text: str, at: int, tools: Tools) -> tuple[Call, int]:
    """A name, then `<arg_key>k</arg_key><arg_value>v</arg_value>`, some of them."""
    end = _found(text, "<", at)
    name = _name(text[at:end], tools)
    values: dict[str, Any] = {}
    at = end
    while text.startswith("<arg_key>", at):
        key_end = _found(text, "</arg_key>", at)
        key = text[at + len("<arg_key>") : key_end].strip()
        at = _skip(text, key_end + len("</arg_key>"))
        if not text.startswith("<arg_value>", at):
            raise _NoCall
        at += len("<arg_value>")
        end = _closing(text, at, "</arg_value>", ("<arg_key>", "</tool_call>"))
        values[key] = typed(text[at:end], tools.types[name].get(key))
        at = _skip(text, end + len("</arg_value>"))
    return Call(name, _written(values), False), at


def _functions(text: str, tools: Tools) -> Iterator[Call]:
    at = 0
    while text.startswith("<function=", at):
        call, at = _function(text, at, tools)
        yield call
        at = _skip(text, at)
        if text.startswith("</tool_call>", at):  # Qwen3-Coder forgets the beginning of it
            at = _skip(text, at + len("</tool_call>"))
    _ends(text, at)


def _function(text: str, at: int, tools: Tools) -> tuple[Call, int]:
    """`<function=name>`, with parameters as XML or with JSON, until `</function>`."""
    end = _found(text, ">", at)
    name = _name(text[at + len("<function=") : end].strip("\"' "), tools)
    at = _skip(text, end + 1)
    if text.startswith("{", at):
        found, at = _json_until(text, at, tools, "</function>")
        value, mended = found
        if not isinstance(value, dict):
            raise _NoCall
        call = Call(name, _written(value), mended)
    else:
        values: dict[str, Any] = {}
        while text.startswith("<parameter=", at):
            end = _found(text, ">", at)
            key = text[at + len("<parameter=") : end].strip("\"' ")
            at = end + 1
            end = _closing(text, at, "</parameter>", ("<parameter=", "</function>"))
            values[key] = typed(text[at:end], tools.types[name].get(key))
            at = _skip(text, end + len("</parameter>"))
        call = Call(name, _written(values), False)
    if not text.startswith("</function>", at) and at < len(text):
        raise _NoCall
    return call, min(len(text), at + len("</function>"))


def _after(mark: str, *closings: str) -> Callable[[str, Tools], Iterator[Call]]:
    """A mark, then JSON: an object or a list of them, some divided by `;`."""

    def calls(text: str, tools: Tools) -> Iterator[Call]:
        at = _skip(text, len(mark))
        while True:
            found, at = _json_until(text, at, tools, *closings)
            yield from _calls(found, tools)
            at = _skip(text, at)
            if text.startswith(mark, at):
                at = _skip(text, at + len(mark))
            elif text.startswith(";", at):  # Llama 3.1 writes several calls so
                at = _skip(text, at + 1)
            else:
                break
        _ends(text, at)

    return calls


def _mistral(text: str, tools: Tools) -> Iterator[Call]:
    """`[TOOL_CALLS]` and a list, or a name and its arguments, with `[ARGS]` and perhaps `[CALL_ID]` between them."""
    at = _skip(text, len("[TOOL_CALLS]"))
    if text[at : at + 1] in ("[", "{"):
        yield from _after("[TOOL_CALLS]")(text, tools)
        return
    for part in text.split("[TOOL_CALLS]")[1:]:
        head, brace, _ = part.partition("{")
        name = _name(head.partition("[")[0], tools)
        if not brace:
            raise _NoCall
        (value, mended), at = _json_until(part, len(head), tools)
        _ends(part, at)
        yield _call(name, value, mended, tools)


def _deepseek(text: str, tools: Tools) -> Iterator[Call]:
    """V3 and R1: `function`, a mark, the name and a fence; V3.1: the name, a mark and JSON."""
    text, _, after = text.removeprefix("<｜tool▁calls▁begin｜>").partition("<｜tool▁calls▁end｜>")
    _ends(after, 0)
    parts = text.split("<｜tool▁call▁begin｜>")
    _ends(parts[0], 0)
    for part in parts[1:]:
        told, _, after = part.partition("<｜tool▁call▁end｜>")
        _ends(after, 0)
        head, mark, rest = told.partition("<｜tool▁sep｜>")
        if not mark:
            raise _NoCall
        if head.strip() == "function":
            head, _, rest = rest.partition("\n")
        yield _text_call(_name(head, tools), rest, tools)


def _kimi(text: str, tools: Tools) -> Iterator[Call]:
    """`functions.name:0`, a mark and JSON."""
    text, _, after = text.removeprefix("<|tool_calls_section_begin|>").partition("<|tool_calls_section_end|>")
    _ends(after, 0)
    parts = text.split("<|tool_call_begin|>")
    _ends(parts[0], 0)
    for part in parts[1:]:
        told, _, after = part.partition("<|tool_call_end|>")
        _ends(after, 0)
        head, mark, rest = told.partition("<|tool_call_argument_begin|>")
        if not mark:
            raise _NoCall
        yield _text_call(_name(re.sub(r":\d+\s*$", "", head), tools), rest, tools)


_HARMONY = re.compile(
    r"\s*(?:<\|start\|>assistant\s*)?(?:<\|channel\|>commentary\s*)?to=([^\s<]+)\s*(?:<\|channel\|>commentary\s*)?"
    r"(?:<\|constrain\|>\s*)?(?:json\s*)?<\|message\|>"
)
"""Spaces stand in one place at a time, or many of them would be tried in all their divisions."""


def _harmony(text: str, tools: Tools) -> Iterator[Call]:
    """A header with `to=functions.name`, then the arguments until `<|call|>`."""
    for part in filter(str.strip, text.split("<|call|>")):
        head = _HARMONY.match(part)
        if head is None:
            raise _NoCall
        yield _text_call(_name(head[1], tools), part[head.end() :], tools)


def _fence(text: str, tools: Tools) -> Iterator[Call]:
    _, newline, rest = text.partition("\n")
    if not newline:
        raise _NoCall
    inner, mark, after = rest.rpartition("```")
    if not mark:
        raise _NoCall
    _ends(after, 0)
    yield from _whole(inner.strip(), tools)


def _whole(text: str, tools: Tools) -> Iterator[Call]:
    """JSON that is the whole answer, and JSON: half of it would be a guess."""
    at = 0
    while True:
        try:
            value, at = _decode(text, at)
        except ValueError:
            raise _NoCall from None
        yield from _calls((value, False), tools, plainly=True)
        at = _skip(text, at)
        if not text.startswith(";", at):
            break
        at = _skip(text, at + 1)
    _ends(text, at)


def _pythonic(text: str, tools: Tools) -> Iterator[Call]:
    """`[name(key=value), …]`"""
    if len(text) > LONGEST_PYTHON:
        raise _NoCall
    end = text.rfind("]") + 1
    _ends(text, end)
    try:
        body = ast.parse(text[:end], mode="eval").body
        for call in body.elts if isinstance(body, ast.List) else ():
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)) or call.args:
                raise _NoCall
            values = {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg is not None}
            if len(values) != len(call.keywords):
                raise _NoCall
            yield Call(_name(call.func.id, tools), _written(values), False)
    except (ValueError, SyntaxError, TypeError, MemoryError):
        raise _NoCall from None


_READERS: dict[str, Callable[[str, Tools], Iterator[Call]]] = {
    "tool_call": _tag,
    "function": _functions,
    "python_tag": _after("<|python_tag|>"),
    "mistral": _mistral,
    "deepseek": _deepseek,
    "granite": _after("<|tool_call|>"),
    "phi": _after("functools"),
    "kimi": _kimi,
    "harmony": _harmony,
    "json": _whole,
    "fence": _fence,
    "pythonic": _pythonic,
}


def _calls(found: tuple[Any, bool], tools: Tools, plainly: bool = False) -> Iterator[Call]:
    """Of an object or a list. `plainly`: each must have its arguments."""
    value, mended = found
    for each in value if isinstance(value, list) else [value]:
        told = each.get("function") if isinstance(each, dict) and isinstance(each.get("function"), dict) else each
        if not isinstance(told, dict):
            raise _NoCall
        name = _name(told.get("name", told.get("function")), tools)
        given = [told[key] for key in ("arguments", "parameters") if key in told]
        if plainly and not given:
            raise _NoCall
        yield _call(name, given[0] if given else {}, mended, tools)


def _call(name: str, value: Any, mended: bool, tools: Tools) -> Call:
    if isinstance(value, str):  # JSON within a string, as OpenAI has it
        return _text_call(name, value, tools)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise _NoCall
    return Call(name, _written(value), mended)


def _text_call(name: str, text: str, tools: Tools) -> Call:
    text = text.strip()
    try:
        value, end = _decode(text)
        if isinstance(value, dict) and not text[end:].strip():
            return Call(name, _written(value), False)
    except ValueError:
        pass
    fenced = text.startswith("```")
    found = as_object(text, tools.lenience)
    if found is None:
        raise _NoCall
    return Call(name, _written(found), not fenced or not _is_json(text))


def _is_json(fenced: str) -> bool:
    """What stands in this fence."""
    try:
        json.loads(fenced.partition("\n")[2].rpartition("```")[0])
    except (ValueError, RecursionError):
        return False
    return True


def _json_until(text: str, at: int, tools: Tools, *closings: str) -> tuple[tuple[Any, bool], int]:
    """A value, whether it was repaired, and where it ends. What is nearly JSON ends before the closing mark."""
    if not text.startswith("`", at):
        try:
            value, end = _decode(text, at)
            return (value, False), end
        except ValueError:
            pass
    end = min((place for mark in closings if (place := text.find(mark, at)) >= 0), default=len(text))
    near = text[at:end].strip()
    if (value := as_object(near, tools.lenience)) is None:
        raise _NoCall
    return (value, True), end


def _name(written: object, tools: Tools) -> str:
    name = tools.names.offered(written)
    if name is None:
        raise _NoCall
    return name


def _written(values: dict[str, Any]) -> str:
    try:
        return json.dumps(values, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise _NoCall from None


def _found(text: str, mark: str, at: int) -> int:
    place = text.find(mark, at)
    if place < 0:
        raise _NoCall
    return place


def _closing(text: str, at: int, mark: str, following: tuple[str, ...]) -> int:
    """Where this mark closes: what follows it goes on with the call. A value may well hold the mark itself."""
    place = _found(text, mark, at)
    while True:
        after = _skip(text, place + len(mark))
        if after == len(text) or text.startswith(following, after):
            return place
        place = _found(text, mark, place + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at


def _ends(text: str, at: int) -> None:
    """Nothing else follows."""
    match = _END_MARKS.match(text, at)
    if match is None or match.end() != len(text):
        raise _NoCall
