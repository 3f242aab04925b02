"""A JSON body read into Python, and its top-level fields changed in the bytes.

A proxy that loads a body and dumps it again alters what it was asked to relay: `1.0` becomes `1`, `1e400` is lost, big
integers become floats. Here the bytes stay as they came, but for the values that are to change.

The danger in that is a field that this program overlooks and the backend obeys: JSON lets a key be spelled with escapes
(`"mode\\u006c"`) and appear twice. So every spelling of a key is searched for, and each occurrence is changed.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

import orjson

__all__ = ["REMOVE", "dump", "edit", "parse"]

REMOVE: Final = object()
"""As a value in `changes`: take the field out."""

_SPACE = b" \t\n\r"
_AFTER_KEY = re.compile(rb"[ \t\n\r]*:[ \t\n\r]*")
_GAP = re.compile(rb"[ \t\n\r]*")
_SCALAR = re.compile(rb"[^,}\] \t\n\r]*")
_STRUCTURE = re.compile(rb'"[^"]*"|[{}\[\]]')
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {'"': b'\\"', "\\": b"\\\\", "/": b"\\/", "\b": b"\\b", "\f": b"\\f", "\n": b"\\n", "\r": b"\\r", "\t": b"\\t"}


def parse(body: bytes) -> dict[str, Any]:
    """The body as a JSON object.

    What orjson refuses and the standard library reads (lone surrogates, numbers beyond a double) is accepted; NaN and
    Infinity are not JSON. Nesting is bounded: 1024 levels by orjson, fewer by the standard library. Raises ValueError
    with a sentence for the client.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        data = _parse_lenient(body, error)
    if type(data) is dict:
        return data
    raise ValueError(f"the body is {_NOUNS.get(type(data), 'a JSON value')}, not an object")


_NOUNS: dict[type, str] = {
    list: "a JSON array",
    str: "a JSON string",
    int: "a JSON number",
    float: "a JSON number",
    bool: "a JSON boolean",
    type(None): "JSON null",
}


def _parse_lenient(body: bytes, error: ValueError) -> Any:
    if not body.strip():
        raise ValueError("the body is empty, not JSON") from None
    refused_by_orjson_alone = b"\\ud" in body or b"\\uD" in body or "infinity" in str(error)
    if not refused_by_orjson_alone:
        raise ValueError(f"the body is not JSON: {error}") from None
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the body is not JSON that can be read: it is nested too deeply") from None
    except ValueError as reason:
        raise ValueError(f"the body is not JSON: {reason}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def edit(body: bytes, data: dict[str, Any], changes: dict[str, Any]) -> bytes:
    """`body` with top-level fields set to the values in `changes`, or taken out where the value is REMOVE.

    `data` is `parse(body)`: only objects that were parsed may come here. Fields that are absent go in right behind the
    opening brace. All other bytes are those of `body`. Values must be what JSON can say (TypeError otherwise).
    """
    present = [key for key in changes if key in data]
    absent = {key: value for key, value in changes.items() if key not in data and value is not REMOVE}
    if not present:
        return _insert(body, absent, not data) if absent else body
    edited = _replace_only(body, present[0], changes[present[0]]) if len(present) == 1 else None
    if edited is None:
        edited = _edit_everywhere(body, {key: changes[key] for key in present})
    if not absent:
        return edited
    return _insert(edited, absent, all(changes.get(key) is REMOVE for key in data))


def _replace_only(body: bytes, key: str, value: Any) -> bytes | None:
    """The usual case, one value that can be found without a scan; None when it is not that."""
    start = -1 if value is REMOVE else _only_place(body, key)
    return None if start < 0 else _replace_at(body, start, value)


def dump(value: Any) -> bytes:
    """As JSON; what orjson refuses (lone surrogates, deep nesting, large integers) as the standard library has it."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _insert(body: bytes, fields: dict[str, Any], into_empty: bool) -> bytes:
    at = body.index(b"{") + 1
    members = b",".join(dump(key) + b":" + dump(value) for key, value in fields.items())
    return body[:at] + members + (b"" if into_empty else b",") + body[at:]


@lru_cache(maxsize=256)
def _escapes(key: str) -> tuple[bytes, ...]:
    """Prefixes of the escapes that could spell a character of a plain key: for `model`, `\\u006` alone."""
    return tuple({b"\\u%03x" % (ord(letter) >> 4) for letter in key})


def _only_place(body: bytes, key: str) -> int:
    """Where the key's opening quote stands, when a look at the bytes proves that no other place can be the key."""
    if not _PLAIN_KEY.fullmatch(key):
        return -1
    literal = b'"' + key.encode() + b'"'
    start = body.find(literal)
    if start < 0 or body.find(literal, start + 1) >= 0 or any(escape in body for escape in _escapes(key)):
        return -1
    return start


def _replace_at(body: bytes, start: int, value: Any) -> bytes | None:
    """The value behind the key at `start` replaced, None when it is none of the kinds that end without a scan."""
    colon = _AFTER_KEY.match(body, body.index(b'"', start + 1) + 1)
    if colon is None:
        return None
    begin = colon.end()
    if body[begin] == 0x22:
        end = body.index(b'"', begin + 1) + 1
        if body.find(b"\\", begin, end) >= 0:
            return None
    elif body[begin] in b"{[":
        return None
    else:
        end = _end_of_scalar(body, begin)
    return body[:begin] + dump(value) + body[end:]


def _end_of_scalar(body: bytes, begin: int) -> int:
    match = _SCALAR.match(body, begin)
    return match.end() if match else begin


@lru_cache(maxsize=256)
def _spellings(key: str) -> re.Pattern[bytes]:
    """Matches the key, quotes included, in every spelling that JSON allows."""
    return re.compile(b'"' + b"".join(_spelled(letter) for letter in key) + b'"')


def _spelled(letter: str) -> bytes:
    ways = []
    if letter not in '"\\' and letter >= " ":
        ways.append(re.escape(letter.encode("utf-8", "surrogatepass")))
    if letter in _SHORT:
        ways.append(re.escape(_SHORT[letter]))
    units = letter.encode("utf-16-be", "surrogatepass")
    escape = b"".join(b"\\\\u(?i:%02x%02x)" % (units[i], units[i + 1]) for i in range(0, len(units), 2))
    return b"(?:" + b"|".join([*ways, escape]) + b")"


def _edit_everywhere(body: bytes, changes: dict[str, Any]) -> bytes:
    # With escaped quotes blanked out, byte for byte, each quote left opens or closes a string; what lies outside
    # of strings is then every second piece between quotes, and depth a matter of counting brackets in C.
    flat = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    places = sorted((match.start(), match.end(), key) for key in changes for match in _spellings(key).finditer(body))
    out = bytearray()
    done = scanned = depth = 0
    for start, end, key in places:
        if start < scanned or flat[start] != 0x22:
            continue
        outside = flat[scanned:start].split(b'"')
        if len(outside) % 2 == 0:
            continue
        structure = b"".join(outside[::2])
        depth += structure.count(b"{") + structure.count(b"[") - structure.count(b"}") - structure.count(b"]")
        scanned = start
        colon = _AFTER_KEY.match(flat, end)
        if depth != 1 or colon is None:
            continue
        value_end = _end_of_value(flat, colon.end())
        if changes[key] is REMOVE:
            out += body[done:start]
            done = _drop_comma(flat, value_end, out)
        else:
            out += body[done : colon.end()] + dump(changes[key])
            done = value_end
        scanned = value_end
    return bytes(out + body[done:])


def _drop_comma(flat: bytes, end: int, out: bytearray) -> int:
    """Behind the comma that follows the member ending at `end`; for the last member, the one before goes from `out`."""
    gap = _GAP.match(flat, end)
    after = gap.end() if gap else end
    if flat[after : after + 1] == b",":
        return after + 1
    kept = out.rstrip(_SPACE)
    if kept.endswith(b","):
        del out[len(kept) - 1 :]
    return end


def _end_of_value(flat: bytes, begin: int) -> int:
    """One past the value that begins there; `flat` has no escaped quotes."""
    if flat[begin] == 0x22:
        return flat.index(b'"', begin + 1) + 1
    if flat[begin] not in b"{[":
        return _end_of_scalar(flat, begin)
    depth = 0
    for token in _STRUCTURE.finditer(flat, begin):
        sign = flat[token.start()]
        if sign in b"{[":
            depth += 1
        elif sign in b"}]":
            depth -= 1
            if depth == 0:
                return token.end()
    return len(flat)
