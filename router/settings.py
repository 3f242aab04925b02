"""What the environment may say: `SIGNALBOX_*`. The command line goes before it; the rules are about requests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from router.accounts.keys import parse_keys
from router.cache.address import parse_address

__all__ = ["Settings", "faults"]


def faults(error: ValidationError) -> str:
    """What is wrong with the environment, a line for each variable; no value is shown."""
    lines = []
    for fault in error.errors(include_input=False):
        name = ".".join(str(part) for part in fault["loc"]).upper().removeprefix("SIGNALBOX_")
        variable = name if name == "REDIS_URL" else f"SIGNALBOX_{name}"
        lines.append(f"{variable}: {fault['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


class Settings(BaseSettings):
    """Read once at the start of each process. Raises pydantic's ValidationError."""

    model_config = SettingsConfigDict(env_prefix="SIGNALBOX_", extra="ignore", hide_input_in_errors=True)

    rules: Path | None = Field(
        None,
        description="the rules file; left out: ./signalbox.yaml if there is one, else what is found on this machine",
    )
    host: str = Field("127.0.0.1", description="address to listen on; anything but loopback needs client keys")
    port: int = Field(4000, ge=0, le=65535, description="port to listen on")
    workers: int = Field(1, ge=1, le=64, description="processes")
    keys: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, description="client keys, `alias:key,alias:key`", repr=False
    )
    admin_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="opens /metrics, /api and /docs; left out: open on loopback, with a client key where there are "
        "some, and closed on any other address",
    )
    body_limit: int = Field(
        64 * 1024 * 1024,
        ge=1024,
        description="largest request body in bytes; uploads of audio are streamed and not limited",
    )
    grace: float = Field(30.0, ge=0, description="seconds that open streams get to finish on SIGTERM")
    cors_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="web origins that may call from a browser, separated by commas; `*` for all"
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("SIGNALBOX_REDIS_URL", "REDIS_URL", "redis_url"),
        description="where answers are cached and shared: redis://, rediss://, redis+sentinel://, redis+cluster://; "
        "left out: in each process's memory",
    )
    cache_bytes: int = Field(64 * 1024 * 1024, ge=0, description="memory for cached answers of each process, in bytes")
    data_dir: Path | None = Field(
        None, description="where the ledger of requests lies; left out: the user's state folder (XDG_STATE_HOME)"
    )
    ledger_days: int = Field(90, ge=1, description="days that single requests stay in the ledger; hourly sums stay")
    ledger_size: int = Field(
        256 * 1024 * 1024, ge=1024 * 1024, description="bytes of the ledger; the oldest requests go first"
    )
    log: str = Field("info", pattern="^(debug|info|warning|error)$", description="how much is logged")
    log_format: Literal["auto", "text", "json"] = Field(
        "auto", description="form of the log; auto: text on a terminal, else JSON"
    )

    @property
    def logs_json(self) -> bool:
        """The log is for a machine."""
        return self.log_format == "json" or (self.log_format == "auto" and not sys.stderr.isatty())

    @field_validator("keys", mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        return parse_keys(value) if isinstance(value, str) else value

    @field_validator("admin_key", mode="before")
    @classmethod
    def _admin(cls, value: object) -> object:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        parse_address(value.get_secret_value())
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
