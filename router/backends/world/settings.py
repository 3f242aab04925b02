"""What a child process is told to load: the settings of one world backend, all defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:  # the child reads settings, too, and needs no pydantic for it
    from router.config.backend import WorldBackend

__all__ = ["PROJECTION", "Settings", "settings"]

MODELS = Path("models")
"""Where a decoder is looked for that nobody names."""
PROJECTION = "decoder_prefix.safetensors"
"""Beside the checkpoint, where nobody names another."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`checkpoint` None: the embedded yard, for which only `ablate`, `n_threads`, `debug` and `parallel` count."""

    name: str
    checkpoint: str | None = None
    vocabulary: str | None = None
    decoder: str | None = None
    projection: str | None = None
    heads: int = 8
    max_seq: int = 128
    conditioning: str = "text"
    condition_format: str = "chunks"
    ablate: bool = False
    temperature: float = 0.7
    repeat_penalty: float = 1.12
    max_tokens: int = 4096
    n_ctx: int = 4096
    n_gpu_layers: int = 99
    n_threads: int = 0
    parallel: int = 4
    debug: bool = False

    @classmethod
    def loads(cls, payload: bytes) -> Settings:
        """What `dumps` wrote."""
        return cls(**orjson.loads(payload))

    def dumps(self) -> bytes:
        """As JSON, for the child's first frame."""
        return orjson.dumps(self)

    def signature(self) -> tuple[object, ...]:
        """Equal as long as the files that it names are the same; a look at the disk, which may wait."""
        paths = (self.checkpoint, self.vocabulary, self.decoder, self.projection)
        return (self, *(_stamp(path) for path in paths if path is not None))


def settings(name: str, spec: WorldBackend) -> Settings:
    """Of a backend in the rules; its paths are those of files, where there are any. Looks at the disk."""
    said = Settings(
        name, **{field.name: getattr(spec, field.name) for field in fields(Settings) if field.name != "name"}
    )
    if said.checkpoint is None:
        return said
    checkpoint = Path(said.checkpoint).expanduser()
    projection = said.projection or (str(checkpoint.parent / PROJECTION) if said.conditioning == "prefix" else None)
    return replace(
        said,
        checkpoint=str(checkpoint),
        vocabulary=_path(said.vocabulary),
        decoder=_path(said.decoder) or _found(MODELS),
        projection=_path(projection),
    )


def _path(said: str | None) -> str | None:
    return None if said is None else str(Path(said).expanduser())


def _found(folder: Path) -> str | None:
    """The first GGUF in a folder, else in the folders in it; None when there is none."""
    for pattern in ("*.gguf", "*/*.gguf"):
        try:
            found = sorted(folder.glob(pattern))
        except OSError:
            continue
        if found:
            return str(found[0])
    return None


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
