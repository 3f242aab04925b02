"""Are traces wanted? By the usual variables; without them neither SDK nor exporter is imported (the
API comes with FastAPI)."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.telemetry.conventions import Provider
    from router.telemetry.spans import Spans

__all__ = ["ENDPOINTS", "open_spans", "wanted"]

log = logging.getLogger("signalbox.telemetry")

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
HTTP = "http/protobuf"


def wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """An endpoint is named, and nothing says that there shall be no traces."""
    if not any(environ.get(name) for name in ENDPOINTS):
        return False
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true" and environ.get(
        "OTEL_TRACES_EXPORTER", "otlp"
    ).strip().lower() in ("", "otlp")


def open_spans(provider: Callable[[str], Provider], environ: Mapping[str, str] = os.environ) -> Spans | None:
    """What makes the traces; None where none are wanted, or what they need is not installed."""
    if not wanted(environ):
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or HTTP
    if protocol != HTTP:
        log.warning("traces are sent by %s only, and OTEL_EXPORTER_OTLP_PROTOCOL is %s: there are none", HTTP, protocol)
        return None
    try:
        from router.telemetry.spans import Spans
    except ImportError:
        log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but traces need: pip install 'signalbox[otel]' (make otel)")
        return None
    return Spans(provider, environ)
