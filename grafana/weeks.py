"""What is my key, my harness, my model doing over weeks?"""

from __future__ import annotations

from collections.abc import Iterator

from grafana.panels import USD, Panel, bars, rows
from grafana.queries import counted

__all__ = ["panels"]

REQUESTS = "signalbox_requests_total"
SPEND = "signalbox_spend_usd_total"
TOKENS = "signalbox_tokens_total"
WHO = {"key": "my keys", "harness": "my tools", "model": "my models"}


def panels() -> Iterator[Panel]:
    """A line for each of key, harness and model; days end at midnight UTC."""
    for label, mine in WHO.items():
        legend = f"{{{{{label}}}}}"
        yield bars(
            f"What do {mine} ask for, day by day?",
            f"Requests by {label}.",
            counted(REQUESTS, label, "$__interval"),
            legend,
            "short",
            each="1d",
            width=8,
        )
        yield bars(
            f"What do {mine} cost, day by day?",
            f"US dollars by {label}.",
            counted(SPEND, label, "$__interval"),
            legend,
            USD,
            each="1d",
            width=8,
        )
        yield bars(
            f"How much do {mine} write and read, day by day?",
            f"Tokens in and out by {label}.",
            counted(TOKENS, label, "$__interval", type_="input|output"),
            legend,
            "short",
            each="1d",
            width=8,
        )
    yield rows(
        "Who used which model, with what?",
        "The whole time shown.",
        [
            ("spent", counted(SPEND, "key, harness, model"), USD),
            ("requests", counted(REQUESTS, "key, harness, model"), "short"),
            ("tokens in", counted(TOKENS, "key, harness, model", type_="input"), "short"),
            ("tokens out", counted(TOKENS, "key, harness, model", type_="output"), "short"),
        ],
        width=24,
        height=10,
    )
