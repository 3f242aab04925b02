"""Which token comes next: llama.cpp's chain of samplers, and a grammar where one is asked for."""

from __future__ import annotations

import ctypes
import json
import re
from typing import Any

import numpy as np

from router.backends.llama.context import Context
from router.backends.llama.model import Model
from router.backends.llama.request import Sampling, refuse

__all__ = ["Sampler", "gbnf"]

MOST_GRAMMAR = 256 * 1024
"""Bytes of a grammar or a schema. A client writes them, and llama.cpp's parser recurses on its own stack."""
DEEPEST_GRAMMAR = 128
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)], align=True)
_PARENTHESES = re.compile(r'"(?:[^"\\\n]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|#[^\n]*|[()]')


def gbnf(data: dict[str, Any]) -> str | None:
    """The grammar that a request asks for, from `grammar` (GBNF) or `response_format`; None without.

    Raises BackendError("refused") for one that cannot be used.
    """
    grammar = data.get("grammar")
    if grammar:
        if not isinstance(grammar, str):
            raise refuse('"grammar" must be a text in GBNF')
        return _bounded(grammar)
    wanted = data.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") in (None, "text"):
        return None
    if wanted["type"] == "json_object":
        # llama.cpp's servers take a schema here too.
        return from_schema(wanted.get("schema") or {"type": "object"})
    if wanted["type"] != "json_schema":
        raise refuse(f'"response_format" has an unknown type: {str(wanted["type"])[:40]}')
    inner = wanted.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else wanted.get("schema")
    return from_schema(schema if schema is not None else {"type": "object"})


def from_schema(schema: Any) -> str:
    """A JSON schema as a grammar. References lead inside the schema only: nothing is fetched."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    if not isinstance(schema, dict):
        raise refuse("the JSON schema must be an object")
    written = json.dumps(schema)
    if len(written) > MOST_GRAMMAR:
        raise refuse(f"the JSON schema is longer than {MOST_GRAMMAR} bytes")
    try:
        return _bounded(json_schema_to_gbnf(written))
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, IndexError, re.error) as error:
        raise refuse(f"the JSON schema cannot be used as a grammar: {str(error)[:200]}") from None
    except RecursionError:
        raise refuse("the JSON schema is nested too deeply") from None


def _bounded(grammar: str) -> str:
    if len(grammar) > MOST_GRAMMAR:
        raise refuse(f"the grammar is longer than {MOST_GRAMMAR} bytes")
    depth = deepest = 0
    for match in _PARENTHESES.finditer(grammar):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    if deepest > DEEPEST_GRAMMAR:
        raise refuse(f"the grammar is nested more than {DEEPEST_GRAMMAR} deep")
    return grammar


class Sampler:
    """Draws the tokens of one answer. `close()` when it is whole."""

    def __init__(self, model: Model, sampling: Sampling, grammar: str | None):
        lib = self.lib = model.lib
        self.model = model
        self.grammar: Any = None
        if any(not 0 <= token < model.n_vocab for token, _ in sampling.logit_bias):
            raise refuse(f'"logit_bias" names a token that is not in the vocabulary of {model.n_vocab}')
        if grammar is not None:
            self.grammar = lib.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
            if not self.grammar:
                raise refuse("llama.cpp cannot read the grammar; it must begin with a rule named root")
        self.chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for link in _links(lib, model, sampling):
            lib.llama_sampler_chain_add(self.chain, link)

    def close(self) -> None:
        """Free the memory."""
        self.lib.llama_sampler_free(self.chain)
        if self.grammar:
            self.lib.llama_sampler_free(self.grammar)

    def draw(self, context: Context) -> int | None:
        """The next token; None when the grammar allows none."""
        if self.grammar is None:
            return int(self.lib.llama_sampler_sample(self.chain, context.handle, -1))
        logits = context.logits()
        token = self._choose(logits, ruled=False)
        # Mostly the model wants what the grammar allows: to hold one token against it is cheap, the vocabulary is not.
        if not self._allowed(token):
            token = self._choose(logits, ruled=True)
            if not self._allowed(token):
                return None  # accepting it would make llama.cpp throw, and with it end the process
        self.lib.llama_sampler_accept(self.grammar, token)
        self.lib.llama_sampler_accept(self.chain, token)
        return token

    def draw_row(self, handle: Any, row: int) -> int:
        """The next token from the logits of a batch's position `row`, in the context `handle` that several answers
        share. Without regard to a grammar."""
        return int(self.lib.llama_sampler_sample(self.chain, handle, row))

    def _choose(self, logits: Any, *, ruled: bool) -> int:
        rows = np.zeros(len(logits), _CANDIDATE)
        rows["id"] = np.arange(len(logits))
        rows["logit"] = logits
        candidates = self._candidates(rows)
        if ruled:
            self.lib.llama_sampler_apply(self.grammar, ctypes.byref(candidates))
        self.lib.llama_sampler_apply(self.chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id) if candidates.selected >= 0 else -1

    def _allowed(self, token: int) -> bool:
        if token < 0:
            return False
        rows = np.zeros(1, _CANDIDATE)
        rows["id"] = token
        self.lib.llama_sampler_apply(self.grammar, ctypes.byref(self._candidates(rows)))
        return bool(np.isfinite(rows["logit"][0]))

    def _candidates(self, rows: Any) -> Any:
        data = rows.ctypes.data_as(self.lib.llama_token_data_p)
        return self.lib.llama_token_data_array(data=data, size=len(rows), selected=-1, sorted=False)


def _links(lib: Any, model: Model, sampling: Sampling) -> list[Any]:
    """The samplers in llama.cpp's own order."""
    links = []
    if sampling.logit_bias:
        biases = (lib.llama_logit_bias * len(sampling.logit_bias))(*sampling.logit_bias)
        links.append(lib.llama_sampler_init_logit_bias(model.n_vocab, len(biases), biases))
    penalties = (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty)
    if penalties != (1.0, 0.0, 0.0):
        links.append(lib.llama_sampler_init_penalties(model.n_vocab, sampling.repeat_last_n, *penalties))
    if sampling.temperature == 0:
        return [*links, lib.llama_sampler_init_greedy()]
    return [
        *links,
        lib.llama_sampler_init_top_k(sampling.top_k),
        lib.llama_sampler_init_top_p(sampling.top_p, 1),
        lib.llama_sampler_init_min_p(sampling.min_p, 1),
        lib.llama_sampler_init_temp(sampling.temperature),
        lib.llama_sampler_init_dist(sampling.seed),
    ]
