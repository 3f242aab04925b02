"""The backends of the YAML: where they are, what they take, how long they may take."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from router.config.jepa import said_by_environment
from router.config.repair import Repair
from router.config.secret import Secret
from router.config.written import Count, Duration
from router.config.written import Strict as _Strict

__all__ = [
    "Backend",
    "Circuit",
    "FillIn",
    "GgufBackend",
    "HttpBackend",
    "LitellmBackend",
    "Modality",
    "Power",
    "Price",
    "Timeouts",
    "WorldBackend",
]

Modality = Literal["text", "image", "audio", "file"]
Dialect = Literal["responses", "messages"]
FillIn = Literal[
    "auto", "infill", "suffix", "fim", "qwen", "starcoder", "granite", "codellama", "deepseek", "codestral", "codegemma"
]


class Timeouts(_Strict):
    """How long a backend may take. A timeout before the answer begins lets the next candidate try."""

    connect: Duration = Field(5.0, description="until the connection stands, TLS included")
    first_byte: Duration = Field(300.0, description="from the request sent to the head of the answer")
    first_content: Duration = Field(
        300.0, description="from the head of a stream to its first content; comments and empty pieces are none"
    )
    idle: Duration = Field(300.0, description="between two pieces of an answer")
    total: Duration = Field(3600.0, description="for the whole answer")


class Price(_Strict):
    """US dollars per million tokens. A part that is left out costs what the rest of its whole costs."""

    input: Annotated[float, Field(ge=0)] = Field(description="tokens read")
    output: Annotated[float, Field(ge=0)] = Field(0.0, description="tokens written")
    cached: Annotated[float, Field(ge=0)] | None = Field(None, description="read from the provider's own cache")
    cache_write: Annotated[float, Field(ge=0)] | None = Field(None, description="written to it")
    reasoning: Annotated[float, Field(ge=0)] | None = Field(None, description="thought before the answer")
    audio_input: Annotated[float, Field(ge=0)] | None = Field(None, description="sound read")
    audio_output: Annotated[float, Field(ge=0)] | None = Field(None, description="sound written")
    image_input: Annotated[float, Field(ge=0)] | None = Field(None, description="images read")


class Power(_Strict):
    """Electricity for the time that a backend works for a request."""

    watts: Annotated[float, Field(ge=0)] = Field(description="what the machine draws more while it works")
    per_kwh: Annotated[float, Field(ge=0)] = Field(description="US dollars per kilowatt-hour")


class Circuit(_Strict):
    """After failures a backend is left alone for a while; then one request at a time tries it."""

    failures: Annotated[int, Field(ge=1)] = Field(5, description="so many in a row open it")
    rate: Annotated[float, Field(gt=0, le=1)] = Field(0.5, description="so large a share of the window opens it, too")
    window: Annotated[Duration, Field(ge=1)] = Field(30.0, description="how far back the share looks")
    requests: Annotated[int, Field(ge=1)] = Field(10, description="in the window, before their share counts")
    pause: Annotated[Duration, Field(gt=0)] = Field(5.0, description="the first pause; each one in a row is longer")
    longest_pause: Annotated[Duration, Field(gt=0)] = Field(120.0, description="never longer, whatever it asks for")

    @model_validator(mode="after")
    def _pauses(self) -> Self:
        if self.pause > self.longest_pause:
            raise ValueError(f"`pause` is longer than `longest_pause`, which is {self.longest_pause:g} s")
        return self


class _Backend(_Strict):
    accepts: list[Modality] | None = Field(None, description="what the input may hold; default: text")
    context: Count | None = Field(
        None, description="tokens of prompt and answer together, as 32768 or 32k; asked from the server where it tells"
    )
    max_output: Count | None = Field(None, description="most tokens of an answer")
    tools: bool = Field(True, description="false: requests with tools go elsewhere")
    json_schema: bool = Field(True, description="false: requests that ask for a JSON schema go elsewhere")
    private: bool | None = Field(
        None,
        description="what is sent there stays on this machine, or in a place you vouch for; "
        "default: true in process and on a loopback address, else false",
    )
    optional: bool = Field(
        False, description="left out, with a remark, when an environment variable it names is missing"
    )
    price: Price | Literal[0] | None = Field(
        None,
        description="US dollars per million tokens, 0: nothing; left out: nothing in process, LiteLLM's list for "
        "clouds, else not known",
    )
    power: Power | None = Field(None, description="electricity instead of a price, for a machine of your own")
    parallel: Annotated[int, Field(ge=1)] | None = Field(None, description="requests at once; else as the server tells")
    queue: Annotated[int, Field(ge=0)] = Field(64, description="how many may wait; one more goes to the next candidate")
    queue_wait: Duration = Field(60.0, description="how long one may wait before it goes to the next candidate")
    circuit: Annotated[Circuit | Literal[False], BeforeValidator(lambda value: {} if value is True else value)] = Field(
        default_factory=lambda: Circuit(), description="when to leave it alone; false: never"
    )
    repair: Annotated[Repair | Literal[False], BeforeValidator(lambda value: {} if value is True else value)] = Field(
        default_factory=lambda: Repair(),
        description="what must be changed so that it takes a request, beside what is known of its provider and learned "
        "from its errors; false: nothing ever is",
    )

    @model_validator(mode="after")
    def _one_cost(self) -> Self:
        if self.price is not None and self.power is not None:
            raise ValueError("say `price` or `power`, not both")
        return self


class _Calling(_Backend):
    repair_tool_calls: bool = Field(
        False,
        description="true: what is plainly a tool call in the text becomes one, arguments that are nearly JSON become "
        "JSON; each repair is told",
    )


class HttpBackend(_Calling):
    """Any server that speaks the OpenAI API: llama.cpp, vLLM, Ollama, LM Studio, Msty, a cloud."""

    kind: Literal["http"] = Field("http", description="any OpenAI-compatible server; may be left out")
    url: str = Field(description="base URL as the server's documentation gives it, mostly ending in /v1")
    model: str | None = Field(None, description="the name to send; left out, the client's own name goes through")
    api_key: Secret | None = Field(None, description="sent as `Authorization: Bearer`", repr=False)
    headers: dict[str, Secret] = Field(default_factory=dict, description="added to each request", repr=False)
    timeouts: Timeouts = Field(default_factory=lambda: Timeouts(), description="how long it may take")
    verify: bool | str = Field(True, description="check the TLS certificate; a path names the authority to trust")
    dialects: list[Dialect] | None = Field(
        None,
        description="what it speaks beside chat completions, and is sent as it comes; [] for nothing: Responses and "
        "Messages are translated; default: known of OpenAI and Anthropic, asked of servers that are recognised",
    )
    stream_usage: bool = Field(
        True, description="ask for the usage of streams; false for servers that refuse `stream_options`"
    )
    serves: Literal["openai", "whisper.cpp", "piper"] = Field(
        "openai",
        description="what it speaks: the OpenAI API, or that of whisper.cpp's server (transcriptions, translations) or "
        "of Piper's (speech)",
    )
    fill_in: FillIn = Field(
        "auto",
        description="how it is told a text with a gap: at /infill, by a `suffix`, at /fim/completions, or in a prompt "
        "with the marks of a family of models; auto: as the server and the model's name tell, else as it came",
    )
    pass_key: bool = Field(
        False, description="true: the key that a client sends goes there, instead of `api_key`; whoever runs it sees it"
    )

    @model_validator(mode="after")
    def _url(self) -> HttpBackend:
        if not re.match(r"^https?://[^/\s]+", self.url):
            raise ValueError("url begins with http:// or https:// and a host")
        if "@" in self.url.split("/")[2]:
            raise ValueError("url holds a user or a password, which would be printed: `api_key` or `headers` send them")
        if not _has_host(self.url):
            raise ValueError("url has a host that is neither a name nor an address")
        if not _has_port(self.url):
            raise ValueError("url has a port that is none: they go from 1 to 65535")
        return self


class LitellmBackend(_Calling):
    """Any provider of LiteLLM; keys come from here or from the provider's usual environment variable."""

    kind: Literal["litellm"] = Field(description="any provider of LiteLLM")
    model: str = Field(description="as LiteLLM names it: provider/model")
    api_key: Secret | None = Field(None, description="left out: the provider's usual environment variable", repr=False)
    api_base: str | None = Field(None, description="another address than the provider's own")
    params: dict[str, Any] = Field(default_factory=dict, description="passed to LiteLLM with each call", repr=False)
    timeouts: Timeouts = Field(default_factory=lambda: Timeouts(), description="how long it may take")


class GgufBackend(_Calling):
    """A GGUF file run by llama.cpp inside this process."""

    kind: Literal["gguf"] = Field(description="llama.cpp in this process")
    path: str = Field(validation_alias=AliasChoices("path", "model"), description="the GGUF file")
    n_ctx: Count = Field(0, description="context in tokens; 0: what the model was trained with, at most 8192")
    n_gpu_layers: int = Field(-1, description="layers on the GPU, where llama.cpp was built for one; -1: all")
    n_threads: Annotated[int, Field(ge=0)] = Field(0, description="0: llama.cpp's own choice")
    embeddings: bool = Field(False, description="an embedding model: serves /v1/embeddings only")
    chat_template: str | None = Field(None, description="a file with a Jinja template instead of the one in the GGUF")


class WorldBackend(_Backend):
    """A JEPA world model and a GGUF decoder, in a process of their own. Without paths: the switch yard shipped here."""

    # What the validator below asks for, in the words of editors.
    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {
                "checkpoint": ["vocabulary"],
                "vocabulary": ["checkpoint"],
                "decoder": ["checkpoint"],
                "projection": ["checkpoint"],
            }
        }
    )

    kind: Literal["world"] = Field(description="a world model in process: encoder, transition, bridge and decoder")
    checkpoint: str | None = Field(
        None, description="model_world_*.safetensors of a Tofy; left out, with all paths: the embedded switch yard"
    )
    vocabulary: str | None = Field(None, description="the checkpoint's vocab_world.txt")
    decoder: str | None = Field(
        None,
        description="the GGUF that speaks; left out: $JEPA_DECODER_MODEL, else the first *.gguf under models/, "
        "then one folder deeper",
    )
    heads: Annotated[int, Field(ge=1)] = Field(8, description="attention heads of the encoder")
    max_seq: Annotated[int, Field(ge=1, le=4096)] = Field(
        128, description="tokens of the prompt that the encoder reads"
    )
    conditioning: Literal["text", "prefix"] = Field(
        "text",
        description="how the decoder learns of the imagined state: as numbers in its prompt, or as embeddings "
        "before it; the embedded yard: prefix",
    )
    condition_format: Literal["chunks", "stats", "both"] = Field("chunks", description="form of the numbers as text")
    projection: str | None = Field(
        None, description="for `conditioning: prefix`; left out: decoder_prefix.safetensors beside the checkpoint"
    )
    ablate: bool = Field(False, description="true: a condition of zeros, to see what it is good for")
    temperature: Annotated[float, Field(ge=0)] = Field(0.7, description="where a request says none")
    repeat_penalty: Annotated[float, Field(gt=0)] = Field(1.12, description="where a request says none")
    max_tokens: Annotated[int, Field(ge=1)] = Field(
        4096, description="most tokens of an answer, where a request says none"
    )
    n_ctx: Annotated[Count, Field(ge=1)] = Field(
        4096, description="context of each answer in tokens; never more than the decoder was trained with"
    )
    n_gpu_layers: int = Field(99, description="layers on the GPU, where llama.cpp was built for one; -1: all")
    n_threads: Annotated[int, Field(ge=0)] = Field(0, description="0: as many as there are cores, one for the yard")
    debug: bool = Field(False, description="tell speed and tokens of each answer on standard error")
    parallel: Annotated[int, Field(ge=1)] = Field(4, description="requests at once; more wait in the queue")

    @model_validator(mode="before")
    @classmethod
    def _environment(cls, data: Any, info: ValidationInfo) -> Any:
        """What the environment says stands below the YAML, and is a part of the settings like all else. It is the
        validation's context `environ`, else the process's own."""
        if not isinstance(data, dict):
            return data
        environ = (info.context or {}).get("environ", os.environ)
        return {**said_by_environment(environ, decoder="checkpoint" in data), **data}

    @model_validator(mode="after")
    def _whole(self) -> WorldBackend:
        if self.checkpoint is None:
            told = [name for name in ("vocabulary", "decoder", "projection") if getattr(self, name) is not None]
            if told:
                raise ValueError(f"`{told[0]}` belongs to a `checkpoint`; without any path it is the embedded yard")
            if "conditioning" in self.model_fields_set and self.conditioning == "text":
                raise ValueError("the embedded yard has no `conditioning: text`: its decoder reads a prefix only")
        elif self.vocabulary is None:
            raise ValueError("`checkpoint` needs a `vocabulary` beside it")
        return self


def _has_host(url: str) -> bool:
    """As it is connected to: IDNA refuses a name with a part that is empty or has more than 63 characters."""
    try:
        return bool((urlsplit(url).hostname or "").encode("idna"))
    except ValueError:
        return False


def _has_port(url: str) -> bool:
    """One that can be connected to, or none."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


Backend = Annotated[HttpBackend | LitellmBackend | GgufBackend | WorldBackend, Field(discriminator="kind")]
