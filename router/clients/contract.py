"""What a client is: where its configuration lives, and what has to stand there for it to use a Signalbox."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Change", "Client", "Entry", "Machine", "Model", "Place", "Put", "Target"]


@dataclass(frozen=True, slots=True)
class Model:
    """A name that a client may ask for. Sizes in tokens; None where nobody knows."""

    name: str
    context: int | None = None
    max_output: int | None = None
    images: bool = True

    @property
    def window(self) -> int:
        """Its context, or one that any model of today has."""
        return self.context or 32_768

    @property
    def answer(self) -> int:
        """Tokens an answer may have: a quarter of a small context, so that a prompt fits as well."""
        return self.max_output or min(8192, self.window // 4)


@dataclass(frozen=True, slots=True)
class Target:
    """The Signalbox to point at, and how."""

    root: str
    """Without a slash at the end, and without /v1."""
    model: Model
    """The one to ask for by default."""
    models: tuple[Model, ...]
    """All that are offered; `model` is among them."""
    key: str | None = None
    """The client's own key, where one is needed."""
    variable: str | None = None
    """An environment variable that holds the key, which then stands in no file."""

    @property
    def url(self) -> str:
        """As OpenAI's clients want it."""
        return f"{self.root}/v1"

    @property
    def said_key(self) -> str:
        """For a field that must not be empty."""
        return self.key or "any"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a client looks for its configuration."""

    home: Path
    environ: Mapping[str, str]

    def folder(self, variable: str, default: str) -> Path:
        """What the client's own variable names, else this folder below the home folder."""
        said = self.environ.get(variable)
        return self.home / said.replace("~/", "", 1) if said else self.home / default

    def config(self, name: str) -> Path:
        """Below XDG_CONFIG_HOME."""
        return self.folder("XDG_CONFIG_HOME", ".config") / name


@dataclass(frozen=True, slots=True)
class Entry:
    """In a place: the mapping in a list whose `by` is `name`; appended where there is none."""

    by: str
    name: str


Place = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """A value for a place. Mappings are merged with what is there; all else replaces it."""

    place: Place
    value: Any
    only: Literal["absent", "present"] | None = None
    """Only where nothing stands there yet; only where something does."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one file has to say."""

    path: Path
    form: Literal["json", "toml", "yaml"]
    puts: tuple[Put, ...]


@dataclass(frozen=True, slots=True)
class Client:
    """One client. It has `changes`, or a `snippet`, or both."""

    name: str
    title: str
    programs: tuple[str, ...] = ()
    """Commands whose presence shows that it is installed."""
    folder: Callable[[Machine], Path] | None = None
    """Whose presence shows it too."""
    changes: Callable[[Machine, Target], tuple[Change, ...]] | None = None
    snippet: str = ""
    """Text with $url, $root, $key, $model in it."""
    after: str = ""
    """What to do next; the same names stand in it."""
    traps: tuple[str, ...] = ()
    """Patterns of model names that make this client speak another wire format."""
