"""A text with a gap in it, however a client says so and however a server wants to be told.

Three forms are in use: `prompt` and `suffix` at `/v1/completions` (OpenAI, Ollama, DeepSeek), the same two at
`/v1/fim/completions` (Mistral's API; Continue, Tabby), and `input_prefix`, `input_suffix`, `input_extra` at llama.cpp's
`/infill` (tools/server/README.md of ggml-org/llama.cpp). At its `/completion` stands a `prompt` in which the client
has written the marks of its model (Tabby's kind `llama.cpp/completion`, Continue's provider `llama.cpp`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from router.backends.contract import BackendError
from router.endpoints.families import Family

__all__ = ["COMPLETION", "COMPLETIONS", "FIM", "INFILL", "Form", "Gap"]

COMPLETIONS, FIM, INFILL = "/v1/completions", "/v1/fim/completions", "/v1/infill"
COMPLETION = "/v1/completion"
"""llama.cpp's own."""

Form = Literal["suffix", "fim", "infill"]
"""How a gap is told, and how the answer looks."""

DEFAULT_TOKENS = 16
"""Of an answer at `/v1/completions`, in OpenAI's API; the other two go on to the end."""
MOST_FILES = 1000

_READ = frozenset(
    {"prompt", "suffix", "input_prefix", "input_suffix", "input_extra", "max_tokens", "n_predict", "seed"}
    | {"random_seed", "stop", "stream_options"}
)


@dataclass(frozen=True, slots=True)
class Gap:
    """What is before and behind it, and how it is to be filled."""

    form: Form
    """The client's."""
    prefix: str
    suffix: str
    files: tuple[tuple[str, str], ...] = ()
    """Other files of the project: name and text."""
    begun: str = ""
    """With which the filling begins."""
    max_tokens: int | None = None
    seed: Any = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    usage: bool = False
    """The usage of a stream is asked for."""
    rest: dict[str, Any] = field(default_factory=dict)
    """All other fields, as they came."""

    @classmethod
    def of(cls, path: str, data: dict[str, Any]) -> Gap | None:
        """The gap in a request; None for one that has none. Raises BackendError ("refused", 400) for one that cannot
        be read."""
        if path == COMPLETIONS:
            prompt, suffix = data.get("prompt"), data.get("suffix")
            if isinstance(prompt, list) and len(prompt) == 1:
                prompt = prompt[0]
            if not (isinstance(prompt, str) and isinstance(suffix, str) and suffix):
                return None
            return cls("suffix", prompt, suffix, **_how(data, DEFAULT_TOKENS))
        if path == FIM:
            return cls("fim", _text(data, "prompt"), _text(data, "suffix"), **_how(data, None))
        if path == INFILL:
            texts = (_text(data, "input_prefix"), _text(data, "input_suffix"))
            return cls("infill", *texts, _files(data), _text(data, "prompt"), **_how(data, None))
        if path == COMPLETION:
            return cls("infill", _text(data, "prompt"), "", **_how(data, None))
        return None

    def told(self, form: Form) -> tuple[str, dict[str, Any]]:
        """Path and body in another form."""
        if form == "infill":
            limit = -1 if self.max_tokens is None else self.max_tokens
            files = [{"filename": name, "text": text} for name, text in self.files]
            said = {"input_prefix": self.prefix, "input_suffix": self.suffix, "input_extra": files}
            return "/infill", self._with({**said, "prompt": self.begun, "n_predict": limit, "seed": self.seed})
        prompt = {"prompt": self.prefix + self.begun, "suffix": self.suffix or None}
        if form == "fim":
            return FIM, self._with({**prompt, "max_tokens": self.max_tokens, "random_seed": self.seed})
        return COMPLETIONS, self._completion(prompt)

    def marked(self, family: Family) -> tuple[str, dict[str, Any]]:
        """Path and body of a plain completion, with the marks of a family."""
        prompt = family.prompt(self.prefix, self.suffix, self.files) + self.begun
        return COMPLETIONS, self._completion({"prompt": prompt}, (*self.stop, *family.stops))

    def _completion(self, said: dict[str, Any], stop: tuple[str, ...] | None = None) -> dict[str, Any]:
        """No limit is null there; one that is left out is 16."""
        told = self._with({**said, "seed": self.seed, "stream_options": self._options}, stop)
        return {**told, "max_tokens": self.max_tokens}

    @property
    def _options(self) -> dict[str, Any] | None:
        return {"include_usage": True} if self.stream else None

    def _with(self, said: dict[str, Any], stop: tuple[str, ...] | None = None) -> dict[str, Any]:
        told = {name: value for name, value in said.items() if value is not None}
        if stop := self.stop if stop is None else stop:
            told["stop"] = list(stop)
        return {**self.rest, **told}


def _how(data: dict[str, Any], default: int | None) -> dict[str, Any]:
    options = data.get("stream_options")
    return {
        "max_tokens": _limit(data, default),
        "seed": data.get("seed", data.get("random_seed")),
        "stop": _stops(data.get("stop")),
        "stream": data.get("stream") is True,
        "usage": isinstance(options, dict) and options.get("include_usage") is True,
        "rest": {name: value for name, value in data.items() if name not in _READ},
    }


def _limit(data: dict[str, Any], default: int | None) -> int | None:
    value = data.get("max_tokens", data.get("n_predict"))
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused('"max_tokens" must be a whole number')
    return value if value >= 0 else None


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise _refused('"stop" must be a text or a list of texts')
    return tuple(stop for stop in stops if stop)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise _refused(f'"{name}" must be a text')
    return value or ""


def _files(data: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    given = data.get("input_extra") or []
    if not isinstance(given, list) or len(given) > MOST_FILES:
        raise _refused(f'"input_extra" must be a list of at most {MOST_FILES} files')
    files = []
    for at, file in enumerate(given):
        if not isinstance(file, dict) or not isinstance(file.get("text"), str):
            raise _refused(f'"input_extra[{at}]" must be an object with a "text"')
        name = file.get("filename")
        files.append((name if isinstance(name, str) else "", file["text"]))
    return tuple(files)


def _refused(message: str) -> BackendError:
    return BackendError("refused", message, status=400)
