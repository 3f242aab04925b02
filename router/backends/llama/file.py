"""What a GGUF file says of itself, read before llama.cpp sees it.

llama.cpp ends the whole process for some kinds of damage, so the head is walked here first: every length is held
against the size of the file. The format is `gguf.md` of the ggml project, versions 2 and 3.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

__all__ = ["GgufError", "GgufFile", "Place", "read"]

Value = int | float | bool | str

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_PACKED = {kind: struct.Struct(form) for kind, form in _SCALARS.items()}
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_MOST_DIMENSIONS = 4
_DEEPEST_ARRAY = 2
_ALIGNMENT = 32
VOCABULARY = "tokenizer.ggml.tokens"


class GgufError(ValueError):
    """The file cannot be used. The message is the rest of a sentence that begins with its path."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one tensor lies: `offset` bytes from the beginning of the file, in ggml's type number `kind`."""

    kind: int
    shape: tuple[int, ...]
    """ggml's order: the length of a row first."""
    offset: int


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The head of one file. `metadata` holds scalars and texts; arrays are left out."""

    path: Path
    architecture: str
    metadata: dict[str, Value]
    tensors: dict[str, Place] = field(default_factory=dict, repr=False)

    @property
    def context(self) -> int | None:
        """Tokens the model was trained with."""
        return self._count(f"{self.architecture}.context_length")

    @property
    def pooling(self) -> int | None:
        """llama.cpp's number of how an embedding model pools: 0 none, 1 mean, 2 first, 3 last, 4 a reranker's."""
        value = self.metadata.get(f"{self.architecture}.pooling_type")
        return value if isinstance(value, int) else None

    @property
    def chat_template(self) -> str | None:
        """The Jinja source, where the model is made for chat."""
        value = self.metadata.get("tokenizer.chat_template")
        return value if isinstance(value, str) and value.strip() else None

    def _count(self, key: str) -> int | None:
        value = self.metadata.get(key)
        return value if isinstance(value, int) and value > 0 else None


def read(path: str | Path) -> GgufFile:
    """The head of the file at `path`. Raises GgufError when it is missing, damaged, or would end llama.cpp."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 24:
                raise GgufError(f"is no GGUF file: it has {size} bytes")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                metadata, tensors = _head(data)
    except FileNotFoundError:
        raise GgufError("does not exist") from None
    except OSError as error:
        raise GgufError(f"cannot be read: {error.strerror or error}") from None
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise GgufError("does not name its architecture")
    if not tensors:
        raise GgufError("holds no weights")
    file_head = GgufFile(path, architecture, metadata, tensors)
    _check_heads(file_head)
    return file_head


def _head(data: mmap.mmap) -> tuple[dict[str, Value], dict[str, Place]]:
    """Metadata, and where the tensors lie."""
    if data[:4] != b"GGUF":
        raise GgufError("is no GGUF file: it does not begin with GGUF")
    version = _U32.unpack_from(data, 4)[0]
    if version not in (2, 3):
        raise GgufError(f"has GGUF version {version}; 2 and 3 are known")
    reader = _Reader(data, 8)
    count, pairs = reader.u64(), reader.u64()
    metadata: dict[str, Value] = {}
    for _ in range(pairs):
        key, kind = reader.text(), reader.u32()
        if key == VOCABULARY and kind == _ARRAY:
            reader.pass_vocabulary()
            continue
        value = reader.value(kind)
        if value is not None:
            metadata[key] = value
    tensors = dict(reader.tensor() for _ in range(count))
    if reader.at + max((place.offset for place in tensors.values()), default=0) > len(data):
        raise GgufError("is incomplete: weights lie beyond its end")
    alignment = metadata.get("general.alignment")
    step = alignment if isinstance(alignment, int) and alignment > 0 else _ALIGNMENT
    begin = -(-reader.at // step) * step
    return metadata, {name: replace(place, offset=begin + place.offset) for name, place in tensors.items()}


class _Reader:
    """A place in the file. Each step says so when the file ends before it."""

    __slots__ = ("_data", "_size", "at")

    def __init__(self, data: mmap.mmap, at: int):
        self._data = data
        self._size = len(data)
        self.at = at

    def u32(self) -> int:
        return int(_U32.unpack_from(self._data, self._step(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack_from(self._data, self._step(8))[0])

    def text(self) -> str:
        length = self.u64()
        start = self._step(length)
        return self._data[start : start + length].decode("utf-8", "replace")

    def value(self, kind: int) -> Value | None:
        """A scalar or a text; None for an array, which is passed over."""
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            self._pass_array(0)
            return None
        packed = _PACKED.get(kind)
        if packed is None:
            raise GgufError(f"is damaged: metadata of unknown type {kind}")
        value: Value = packed.unpack_from(self._data, self._step(packed.size))[0]
        return value

    def tensor(self) -> tuple[str, Place]:
        """Name and place of the next tensor; its offset still counts from the end of the head."""
        name, dimensions = self.text(), self.u32()
        if dimensions > _MOST_DIMENSIONS:
            raise GgufError(f"is damaged: a tensor with {dimensions} dimensions")
        shape = tuple(self.u64() for _ in range(dimensions))
        return name, Place(self.u32(), shape, self.u64())

    def pass_vocabulary(self) -> None:
        """An array of texts; llama.cpp aborts when two of them are equal."""
        start = self.at
        self._pass_array(0)
        if _U32.unpack_from(self._data, start)[0] != _STRING:
            raise GgufError("is damaged: its vocabulary holds no texts")
        data, at, seen, count = self._data, start + 12, set(), 0
        while at < self.at:
            end = at + 8 + _U64.unpack_from(data, at)[0]
            token = data[at + 8 : end].partition(b"\0")[0]  # llama.cpp reads up to a zero byte
            if token:
                seen.add(token)
                count += 1
            at = end
        if len(seen) < count:
            raise GgufError("is damaged: a token is twice in its vocabulary")

    def _pass_array(self, depth: int) -> None:
        kind, length = self.u32(), self.u64()
        if kind == _STRING:
            self._pass_texts(length)
        elif kind == _ARRAY and depth < _DEEPEST_ARRAY:
            for _ in range(length):
                self._pass_array(depth + 1)
        elif kind in _PACKED:
            self._step(length * _PACKED[kind].size)
        else:
            raise GgufError(f"is damaged: an array of unknown type {kind}")

    def _pass_texts(self, length: int) -> None:
        # A vocabulary holds some hundred thousand texts: the loop is kept bare.
        data, at, size, unpack = self._data, self.at, self._size, _U64.unpack_from
        try:
            for _ in range(length):
                at += 8 + unpack(data, at)[0]
                if at > size:
                    break
        except struct.error:
            at = size + 1
        self.at = at
        self._step(0)

    def _step(self, length: int) -> int:
        start = self.at
        self.at = start + length
        if self.at > self._size:
            raise GgufError("is incomplete: it ends inside its head")
        return start


def _check_heads(file: GgufFile) -> None:
    """llama.cpp aborts on an attention head of odd size, and divides by a head count of zero."""
    width = file.metadata.get(f"{file.architecture}.embedding_length")
    heads = file.metadata.get(f"{file.architecture}.attention.head_count")
    key = file.metadata.get(f"{file.architecture}.attention.key_length")
    if not isinstance(width, int) or width <= 0:
        raise GgufError("does not say how wide the model is (embedding_length)")
    if isinstance(heads, int) and heads > 0 and not isinstance(key, int) and (width % heads or width // heads % 2):
        raise GgufError(f"has {heads} attention heads in a width of {width}: the size of a head is not even")
