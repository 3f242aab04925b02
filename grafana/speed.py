"""Is local fast enough?"""

from __future__ import annotations

from collections.abc import Iterator

from grafana.panels import Panel, lines, rows
from grafana.queries import quantile, rate, series, share

__all__ = ["panels"]

FIRST = "signalbox_time_to_first_token_seconds"
SPEED = "signalbox_tokens_per_second"
DURATION = "signalbox_request_duration_seconds"
OVERHEAD = "signalbox_overhead_seconds"
PATIENCE = [(2.0, "orange"), (10.0, "red")]
"""Seconds: where people begin to wait, and where they do something else."""


def warm(by: str) -> str:
    """Cached tokens of all that were read, in groups."""
    tokens = "signalbox_tokens_total"
    return share(rate(tokens, by, type_="cached"), rate(tokens, by, type_="input"))


def panels() -> Iterator[Panel]:
    """In reading order."""
    yield rows(
        "Is local fast enough?",
        "Each backend in the time shown. First token: of streams. Speed: tokens per second after the first piece; "
        "people read some 5 to 10.",
        [
            ("first token, half", quantile(0.5, FIRST, "backend", "$__range"), "s"),
            ("first token, 95 of 100", quantile(0.95, FIRST, "backend", "$__range"), "s"),
            ("tokens/s, half", quantile(0.5, SPEED, "backend", "$__range"), "short"),
            ("whole answer, half", quantile(0.5, DURATION, "backend", "$__range"), "s"),
            ("whole answer, 95 of 100", quantile(0.95, DURATION, "backend", "$__range"), "s"),
        ],
        width=24,
        height=7,
    )
    yield lines(
        "How soon does the first token come?",
        "Of streams, by backend: half, and 95 of 100, were faster.",
        [
            (quantile(0.5, FIRST, "backend"), "{{backend}}, half"),
            (quantile(0.95, FIRST, "backend"), "{{backend}}, 95 of 100"),
        ],
        "s",
        limits=PATIENCE,
    )
    yield lines(
        "How fast does the text come?",
        "Tokens per second after the first piece, by backend and model: the median.",
        [(quantile(0.5, SPEED, "backend, model"), "{{backend}} {{model}}")],
        "short",
    )
    yield lines(
        "How long does an answer take?",
        "From the request read to the answer's end, by route: half, and 95 of 100, were faster.",
        [
            (quantile(0.5, DURATION, "route"), "{{route}}, half"),
            (quantile(0.95, DURATION, "route"), "{{route}}, 95 of 100"),
        ],
        "s",
    )
    yield lines(
        "Is there a queue?",
        "Requests that each backend works on, and those that wait for it.",
        [
            (f"sum by (backend) ({series('signalbox_backend_busy')})", "{{backend}} works on"),
            (f"sum by (backend) ({series('signalbox_queue_depth')})", "wait for {{backend}}"),
        ],
        "short",
    )
    yield lines(
        "How much text is that?",
        "Tokens per second, by backend, in and out.",
        [
            (rate("signalbox_tokens_total", "backend", type_="input"), "into {{backend}}"),
            (rate("signalbox_tokens_total", "backend", type_="output"), "out of {{backend}}"),
        ],
        "short",
    )
    yield lines(
        "Is the KV cache warm?",
        "Share of the prompts' tokens that backends read from their own cache, by backend and by route.",
        [
            (warm("backend"), "{{backend}}"),
            (warm("route"), "route {{route}}"),
        ],
        "percentunit",
    )
    yield lines(
        "What does Signalbox itself cost?",
        "Seconds spent in the proxy, by phase: 99 of 100 took less.",
        [(quantile(0.99, OVERHEAD, "phase"), "{{phase}}")],
        "s",
        limits=[(0.01, "orange")],
    )
