"""What tokens cost: the YAML's price, LiteLLM's list, nothing in process, and not known."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from router.accounts.prices import FREE, baseline_price, price_at, told_cost, usd
from router.config import catalogue
from router.config.backend import Backend
from router.config.price import Price, listed_price
from router.telemetry.record import Tokens

CLOUD = "https://api.openai.com/v1"


def spec(**said: Any) -> Backend:
    found: Backend = TypeAdapter(Backend).validate_python({"kind": "http", **said})
    return found


def test_the_price_of_the_yaml_is_per_million_and_comes_first() -> None:
    price = price_at(spec(url=CLOUD, price={"input": 2.0, "output": 8.0, "cached": 0.2}), "gpt-5.4-mini")
    assert price is not None
    assert usd(price, Tokens(1_000_000, 100_000, cached=500_000)) == pytest.approx(1.0 + 0.1 + 0.8)


def test_a_cloud_without_a_price_has_that_of_the_list() -> None:
    entry = catalogue.lookup("openai/gpt-5.4-mini")
    assert entry is not None and entry.price is not None and entry.price.input > 0
    assert price_at(spec(url=CLOUD), "gpt-5.4-mini") is entry.price
    assert price_at(spec(kind="litellm", model="openai/gpt-5.4-mini"), "") is entry.price
    assert baseline_price("gpt-5.4-mini") is entry.price


@pytest.mark.parametrize(
    "said",
    [
        {"url": CLOUD},
        {"url": "http://127.0.0.1:8080/v1"},
        {"url": "https://models.example/v1"},
        {"url": "http://10.0.0.5/v1"},
    ],
)
def test_what_nobody_knows_has_no_price_and_a_namesake_at_home_not_that_of_a_cloud(said: dict[str, Any]) -> None:
    model = "gpt-5.4-mini" if said["url"] != CLOUD else "no-such-model"
    assert price_at(spec(**said), model) is None


def test_in_process_nobody_bills() -> None:
    assert price_at(spec(kind="world"), "yard") is FREE
    assert price_at(spec(kind="gguf", path="m.gguf"), "m") is FREE
    assert price_at(spec(url="http://127.0.0.1:1/v1", price=0), "m") is FREE


def test_each_part_has_its_own_price_and_else_that_of_its_whole() -> None:
    price = Price(1.0, 10.0, cached=0.1, cache_write=2.0, reasoning=20.0, audio_input=5.0)
    tokens = Tokens(100, 50, cached=10, cache_write=20, reasoning=5, audio_input=30, audio_output=7, image_input=4)
    expected = (100 - 10 - 20 - 30 - 4) * 1 + 10 * 0.1 + 20 * 2 + 30 * 5 + 4 * 1 + (50 - 5 - 7) * 10 + 5 * 20 + 7 * 10
    assert usd(price, tokens) == pytest.approx(expected)


def test_a_long_prompt_has_the_price_of_long_prompts() -> None:
    said = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7}
    said |= {"input_cost_per_token_above_128k_tokens": 3e-6, "output_cost_per_token_above_200k_tokens": 9e-6}
    said |= {"input_cost_per_token_above_200k_tokens": 4e-6}
    price = listed_price(said)
    assert price is not None
    assert usd(price, Tokens(128_000, 10)) == pytest.approx(0.128 + 20e-6)
    assert usd(price, Tokens(128_001, 10)) == pytest.approx(0.384003 + 20e-6)
    assert usd(price, Tokens(200_001, 10, cached=1)) == pytest.approx(0.8 + 1e-7 + 90e-6)


@pytest.mark.parametrize(
    "said", [{"output_cost_per_image": 0.04}, {"input_cost_per_token": 0, "output_cost_per_token": 0.0}]
)
def test_an_entry_without_a_price_per_token_has_none_and_zero_is_none(said: dict[str, Any]) -> None:
    assert listed_price(said) is None


def test_every_price_of_the_installed_list_can_be_used() -> None:
    entries = [catalogue.lookup(name) for name in catalogue.names()]
    prices = [entry.price for entry in entries if entry is not None and entry.price is not None]
    assert len(prices) > 2000
    assert all(usd(price, Tokens(300_000, 1000, cached=5, reasoning=7)) >= 0 for price in prices)


ROUTER = "https://openrouter.ai/api/v1"


@pytest.mark.parametrize(
    ("said", "usage", "dollars"),
    [
        ({"url": ROUTER}, {"cost": 0.0125}, 0.0125),
        ({"kind": "litellm", "model": "openrouter/x/y"}, {"cost": 0}, 0.0),
        ({"url": ROUTER}, {"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.021),
        ({"url": ROUTER}, {"cost": 0.001, "cost_details": {"upstream_inference_cost": 0.02}}, 0.001),
        ({"url": ROUTER}, {"cost": "1"}, None),
        ({"url": ROUTER}, {"cost": True}, None),
        ({"url": ROUTER}, {"cost": -1}, None),
        ({"url": ROUTER}, {}, None),
        ({"url": CLOUD}, {"cost": 0.0125}, None),
        ({"url": "https://openrouter.ai.example/v1"}, {"cost": 0.0125}, None),
    ],
)
def test_openrouter_tells_what_it_took(said: dict[str, Any], usage: dict[str, Any], dollars: float | None) -> None:
    assert told_cost(spec(**said), usage) == (pytest.approx(dollars) if dollars is not None else None)
