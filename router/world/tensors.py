"""Reading safetensors files: named arrays that stay in the file.

Own code and not the `safetensors` library, because a view of the mapped file costs no memory of its own: processes
that read the same weights share them. The format is a header of JSON with its length in front, then the numbers.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router.world.files import WorldError, opened

__all__ = ["Tensors", "WorldError", "read_tensors"]

MOST_HEADER = 16 * 1024 * 1024
MOST_NAME = 200
MOST_AXES = 8
_KINDS: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}

Floats = npt.NDArray[np.float32]


class Tensors(Mapping[str, Floats]):
    """The tensors of one file as read-only float32 arrays; `metadata` is what the file says of itself."""

    def __init__(self, path: Path, arrays: dict[str, Floats], metadata: dict[str, str]):
        self.path = path
        self.metadata = metadata
        self._arrays = arrays

    def __getitem__(self, name: str) -> Floats:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def take(self, name: str, *shape: int | None) -> Floats:
        """The tensor `name`, of the given shape; None stands for any size. Raises WorldError."""
        array = self._arrays.get(name)
        if array is None:
            raise WorldError(f"{self.path} has no tensor {name}.")
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted = " x ".join("any" if size is None else str(size) for size in shape)
            found = " x ".join(map(str, array.shape)) or "a single number"
            raise WorldError(f"{self.path}: tensor {name} is {found}, but {wanted} is needed.")
        return array


def read_tensors(path: str | Path) -> Tensors:
    """Map the file. Raises WorldError when it is missing, damaged, or holds a number that is not finite."""
    path = Path(path)
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size < 8:
            raise WorldError(f"{path} is no safetensors file: it has {size} bytes.")
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise WorldError(f"{path} cannot be mapped into memory: {error}.") from None
    header, start = _header(path, data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WorldError(f"{path} is damaged: its metadata are not texts.")
    arrays = {name: _array(path, data, start, name, entry) for name, entry in header.items()}
    if not arrays:
        raise WorldError(f"{path} holds no tensors.")
    _check_apart(path, header)
    return Tensors(path, arrays, metadata)


def _header(path: Path, data: mmap.mmap) -> tuple[dict[str, Any], int]:
    """The header's entries, and where the numbers begin."""
    length = int.from_bytes(data[:8], "little")
    if length > MOST_HEADER or 8 + length > len(data):
        raise WorldError(
            f"{path} is truncated or no safetensors file: its head says {length} bytes, the file has {len(data)}."
        )
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise WorldError(f"{path} is damaged: its header is no JSON.") from None
    if not isinstance(header, dict):
        raise WorldError(f"{path} is damaged: its header is no JSON object.")
    return header, 8 + length


def _array(path: Path, data: mmap.mmap, start: int, name: str, entry: Any) -> Floats:
    kind, shape, (begin, end) = _entry(path, name, entry)
    count = 1
    for size in shape:
        count *= size
    if end - begin != count * kind.itemsize:
        raise WorldError(f"{path} is damaged: tensor {name} says {count} numbers and has {end - begin} bytes.")
    if start + end > len(data):
        raise WorldError(f"{path} is truncated: tensor {name} ends at byte {start + end}, the file at {len(data)}.")
    raw: Any = np.frombuffer(data, kind, count, start + begin).reshape(shape)
    if kind.kind == "u":  # bfloat16: the upper half of a float32
        raw = (raw.astype(np.uint32) << 16).view(np.float32)
    array: Floats = np.require(raw, np.float32, "A")  # a copy only of another type, or where the file is not aligned
    # A sum is not finite when a summand is not; one pass without a mask as large as the tensor.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = bool(np.isfinite(array.sum(dtype=np.float64)))
    if not finite:
        what = "NaN" if np.isnan(array).any() else "an infinite number"
        raise WorldError(f"{path} is damaged: tensor {name} holds {what}.")
    array.flags.writeable = False
    return array


def _entry(path: Path, name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], tuple[int, int]]:
    """Type, shape and byte range of one tensor."""
    if len(name) > MOST_NAME:
        raise WorldError(f"{path} is damaged: it has a tensor whose name is {len(name)} characters long.")
    if not name.isprintable():  # nor could the sentence that names it be sent on
        raise WorldError(f"{path} is damaged: it has a tensor whose name, {name!a}, cannot be printed.")
    fields: dict[str, Any] = entry if isinstance(entry, dict) else {}
    kind = _KINDS.get(str(fields.get("dtype")))
    if kind is None:
        known = ", ".join(_KINDS)
        raise WorldError(f"{path}: tensor {name} is of type {ascii(fields.get('dtype'))[:20]}; {known} are known.")
    shape: Any = fields.get("shape")
    place: Any = fields.get("data_offsets")
    sensible = _are_counts(shape) and _are_counts(place) and len(shape) <= MOST_AXES and len(place) == 2
    if not sensible or place[0] > place[1] or 0 in shape:
        raise WorldError(f"{path} is damaged: the shape or place of tensor {name} makes no sense.")
    return kind, tuple(shape), (place[0], place[1])


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 48 for one in value)


def _check_apart(path: Path, header: dict[str, Any]) -> None:
    places = sorted((*entry["data_offsets"], name) for name, entry in header.items())
    for (_, end, name), (begin, _, other) in pairwise(places):
        if begin < end:
            raise WorldError(f"{path} is damaged: tensors {name} and {other} lie over each other.")
