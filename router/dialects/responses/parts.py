"""What a message or a tool's output holds: texts, pictures, sounds, files."""

from __future__ import annotations

import mimetypes
from typing import Any

from router.dialects.contract import Unreadable
from router.dialects.neutral import Audio, File, Image, Part, Text, Thinking
from router.dialects.responses import fields

__all__ = ["content", "output"]

_TEXTS = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "summary_text": "text",
    "refusal": "refusal",
}
_NOT_UPLOADED = "files uploaded to OpenAI are not known here; send `{}`, its content as a data: URL"


def content(holder: dict[str, Any], name: str, place: str) -> tuple[Part, ...]:
    """Of a text or a list of parts; empty texts are left out. Raises Unreadable."""
    value = holder.get(name)
    if isinstance(value, str):
        return (Text(value),) if value else ()
    parts = (_part(part, where) for where, part in fields.items(holder, name, place))
    return tuple(part for part in parts if part is not None and part != Text(""))


def output(holder: dict[str, Any], place: str) -> tuple[Text | Image | File, ...]:
    """What a tool gave back: `output`, a text or a list of parts. Raises Unreadable."""
    parts = content(holder, "output", place)
    found = tuple(part for part in parts if isinstance(part, Text | Image | File))
    if len(found) < len(parts):
        raise Unreadable(f"`{place}.output` may hold text, images and files only", param=f"{place}.output")
    return found or (Text(""),)


def _part(part: dict[str, Any], place: str) -> Part | None:
    kind = fields.required(part, "type", place)
    if kind in _TEXTS:
        return Text(fields.required(part, _TEXTS[kind], place))
    if kind == "reasoning_text":
        return Thinking(fields.required(part, "text", place))
    if kind in ("input_image", "computer_screenshot", "image_url"):
        return _image(part, place)
    if kind == "input_file":
        return _file(part, place)
    if kind == "input_audio":
        return _audio(part, place)
    if kind == "encrypted_content":  # OpenAI alone can read it
        return None
    known = "input_text, output_text, refusal, input_image, input_file or input_audio"
    raise Unreadable(f'`{place}` is of the type "{kind[:40]}"; a part may be {known}', param=f"{place}.type")


def _image(part: dict[str, Any], place: str) -> Image:
    address = part.get("image_url")
    holder, name = (address, "url") if isinstance(address, dict) else (part, "image_url")
    url = fields.text(holder, name, place)
    if not url:
        if fields.text(part, "file_id", place):
            raise Unreadable(f"`{place}`: {_NOT_UPLOADED.format('image_url')}", param=f"{place}.file_id")
        raise Unreadable(f"`{place}` has no `image_url`; give an address or a data: URL", param=f"{place}.image_url")
    return Image(url, fields.text(holder if holder.get("detail") else part, "detail", place))


def _file(part: dict[str, Any], place: str) -> File:
    data, file_id = fields.text(part, "file_data", place), fields.text(part, "file_id", place)
    name = fields.text(part, "filename", place)
    if data:
        return File(data if data.startswith("data:") else f"data:{_media_type(name)};base64,{data}", name=name)
    if file_id:
        return File(id=file_id, name=name)
    if fields.text(part, "file_url", place):
        raise Unreadable(
            f"`{place}`: a file is not fetched from its address here; send `file_data`, its content as a data: URL",
            param=f"{place}.file_url",
        )
    raise Unreadable(f"`{place}` has no `file_data`; give the content as a data: URL", param=f"{place}.file_data")


def _audio(part: dict[str, Any], place: str) -> Audio:
    holder, inner = part, fields.mapping(part, "input_audio", place)
    if inner is not None:
        holder, place = inner, f"{place}.input_audio"
    return Audio(fields.required(holder, "data", place), fields.required(holder, "format", place))


def _media_type(name: str | None) -> str:
    return mimetypes.guess_type(name or "")[0] or "application/octet-stream"
