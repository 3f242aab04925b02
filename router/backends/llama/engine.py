"""A loaded model at work: prompts become answers, inputs become embeddings. All of it runs in worker threads."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from router.backends.llama.answer import Growing
from router.backends.llama.context import Context
from router.backends.llama.file import GgufError, read
from router.backends.llama.job import Job
from router.backends.llama.model import Model
from router.backends.llama.prompt import ChatTemplate
from router.backends.llama.request import CompletionRequest, refuse
from router.backends.llama.request import read as read_request
from router.backends.llama.sampler import Sampler, gbnf
from router.backends.llama.tools import forced
from router.config.backend import GgufBackend as Spec
from router.telemetry.work import Work

__all__ = ["Engine"]

MOST_CONTEXT = 8192
"""Tokens of context when neither the rules nor the file ask for less."""
MOST_INPUTS = 2048
_RERANKER = 4


class Engine:
    """One model and its contexts, one for each request that may run at once. Raises GgufError when it cannot load."""

    def __init__(self, name: str, spec: Spec, stop: Callable[[], bool]):
        """Load. `name` is what answers call the model; `stop()` becomes true when nobody wants it any more."""
        self.name = name
        file = read(Path(spec.path).expanduser())
        if spec.embeddings and file.pooling == _RERANKER:
            raise GgufError("is a reranker: it gives scores, not embeddings")
        template = _template_file(spec.chat_template) if spec.chat_template else file.chat_template
        self.n_ctx = spec.n_ctx or min(file.context or MOST_CONTEXT, MOST_CONTEXT)
        self.model = Model(file, spec.n_gpu_layers, stop)
        self._contexts: list[Context] = []
        self._lock = threading.Lock()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        # Drawing tokens is bound by memory, and a thread more than there are real cores makes it slower by far.
        threads, threads_batch = (spec.n_threads,) * 2 if spec.n_threads else (max(1, cores // 2), cores)
        try:
            self.template = ChatTemplate(template, self.model.bos, self.model.eos)
            for _ in range(spec.parallel or 1):
                context = Context(self.model, self.n_ctx, threads, threads_batch, embeddings=spec.embeddings)
                self._contexts.append(context)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free everything. No job may be running."""
        for context in self._contexts:
            context.close()
        self.model.close()

    def complete(self, job: Job, request: CompletionRequest) -> bytes:
        """A chat completion or a completion. Of a stream, all but the returned end goes into `job`.

        Raises Stopped, BackendError.
        """
        prompt, echo = self._prompt(request)
        if len(prompt) >= self.n_ctx:
            message = f"the prompt has {len(prompt)} tokens; the context of {self.name} holds {self.n_ctx}"
            raise refuse(message, "context_length_exceeded")
        grammar = self._grammar(request)
        room = self.n_ctx - len(prompt)
        limit = room if request.max_tokens is None else min(request.max_tokens, room)
        sampler = Sampler(self.model, request.sampling, grammar)
        try:
            with self._context(job, prompt) as context:
                answer = Growing(self.name, self.model, self.template, job, request)
                began = perf_counter()
                reused = context.prompt(prompt)
                begun = perf_counter()
                work = job.work = Work(len(prompt) - reused, begun - began, reused)
                answer.prompted(len(prompt), reused, echo)
                try:
                    reason = self._generate(context, sampler, limit, answer)
                finally:
                    work.generated_tokens, work.generation_seconds = answer.tokens, perf_counter() - begun
        finally:
            sampler.close()
        return answer.end(reason)

    def count(self, data: dict[str, Any]) -> int:
        """Tokens of the prompt in `data`, a body of chat completions. Raises BackendError."""
        return len(self._prompt(read_request(data, chat=True, stream=False))[0])

    def embed(self, job: Job, data: dict[str, Any]) -> bytes:
        """The answer to `/v1/embeddings`. Raises Stopped, BackendError."""
        inputs = [self._input(one) for one in _inputs(data.get("input"))]
        as_text = data.get("encoding_format") or "float"
        if as_text not in ("float", "base64"):
            raise refuse('"encoding_format" must be "float" or "base64"')
        if data.get("dimensions") not in (None, self.model.n_embd):
            raise refuse(f'"dimensions" must be {self.model.n_embd}: this model has no other')
        longest = max(map(len, inputs))
        if longest > self.n_ctx:
            message = f"an input has {longest} tokens; the context of {self.name} holds {self.n_ctx}"
            raise refuse(message, "context_length_exceeded")
        with self._context(job, []) as context:
            vectors = [context.embed(tokens) for tokens in inputs]
        rows = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(v.tobytes()).decode() if as_text == "base64" else v,
            }
            for index, v in enumerate(vectors)
        ]
        count = sum(map(len, inputs))
        usage = {"prompt_tokens": count, "total_tokens": count}
        answer = {"object": "list", "data": rows, "model": self.name, "usage": usage}
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

    def _generate(self, context: Context, sampler: Sampler, limit: int, answer: Growing) -> str:
        """Draw tokens until the end; the finish reason."""
        model = self.model
        for count in range(1, limit + 1):
            token = sampler.draw(context)
            if token is None or model.ends(token):
                return "stop"
            answer.take(context, token, model.piece(token))
            if answer.stopped:
                return "stop"
            if count < limit:
                context.add([token])
        return "length"

    def _prompt(self, request: CompletionRequest) -> tuple[list[int], str]:
        """The tokens to compute, and the text to repeat before the answer (`echo`)."""
        data, model = request.data, self.model
        if request.chat:
            text = self.template.render(data)
            named = model.bos != "" and text.startswith(model.bos)
            return ([] if named else model.beginning()) + model.tokenize(text, special=True), ""
        prompt = _one_prompt(data.get("prompt", ""))
        echo = prompt if data.get("echo") is True and isinstance(prompt, str) else ""
        suffix = data.get("suffix")
        if suffix:
            return self._filled_in(prompt, suffix), echo
        tokens = self._tokens(prompt, special=True)
        # Something must be computed before a first token can be drawn.
        return tokens or [self._any_beginning()], echo

    def _filled_in(self, prompt: str | list[int], suffix: Any) -> list[int]:
        around = self.model.fill_in
        if around is None:
            raise refuse(f'{self.name} cannot fill in: its file names no tokens for a prefix and a "suffix"')
        if not isinstance(suffix, str) or not isinstance(prompt, str):
            raise refuse('with a "suffix", both it and "prompt" must be texts')
        before, after, middle = around
        tokenize = self.model.tokenize
        return [
            *self.model.beginning(),
            *(before, *tokenize(prompt, special=False)),
            *(after, *tokenize(suffix, special=False)),
            middle,
        ]

    def _tokens(self, prompt: str | list[int], *, special: bool) -> list[int]:
        if isinstance(prompt, str):
            return self.model.beginning() + self.model.tokenize(prompt, special=special)
        if any(not 0 <= token < self.model.n_vocab for token in prompt):
            raise refuse(f"a token id is outside the vocabulary of {self.model.n_vocab}")
        return prompt

    def _any_beginning(self) -> int:
        tokens = self.model.beginning() or self.model.tokenize("\n", special=False)
        return tokens[0] if tokens else 0

    def _input(self, one: str | list[int]) -> list[int]:
        tokens = self.model.tokenize(one, special=False, wrap=True) if isinstance(one, str) else one
        if not tokens:
            raise refuse('an "input" is empty')
        return self._tokens(tokens, special=False)

    def _grammar(self, request: CompletionRequest) -> str | None:
        call = forced(request.data) if request.chat and self.template.calls_are_tagged else None
        return call if call is not None else gbnf(request.data)

    @contextmanager
    def _context(self, job: Job, prompt: list[int]) -> Iterator[Context]:
        """An idle context that has much of `prompt` computed already. The queue sees to it that one is idle."""
        with self._lock:
            context = _fittest(self._contexts, prompt)
            self._contexts.remove(context)
        try:
            job.attach(context)
            yield context
        finally:
            job.detach()
            with self._lock:
                self._contexts.append(context)


def _fittest(idle: list[Context], prompt: list[int]) -> Context:
    """The one that has most of `prompt`, if that is half of what it holds or more; else the one used longest ago, which
    stands first. So a new conversation with the same system prompt does not drive out the one before it."""
    fit = [(shared, at) for at, each in enumerate(idle) if 2 * (shared := each.shared(prompt)) >= len(each.tokens) > 0]
    return idle[max(fit)[1]] if fit else idle[0]


def _one_prompt(value: Any) -> str | list[int]:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str | list):
        value = value[0]
    if isinstance(value, str) or (isinstance(value, list) and all(type(token) is int for token in value)):
        return value
    raise refuse('"prompt" must be one text or one list of token ids')


def _inputs(value: Any) -> list[str | list[int]]:
    """The inputs of an embeddings request: a text, a list of them, token ids, or a list of lists of those."""
    if isinstance(value, str) or (isinstance(value, list) and value and all(type(token) is int for token in value)):
        value = [value]
    if not isinstance(value, list) or not 0 < len(value) <= MOST_INPUTS:
        raise refuse(f'"input" must be a text or a list of 1 to {MOST_INPUTS} texts')
    for one in value:
        if not isinstance(one, str) and not (isinstance(one, list) and all(type(token) is int for token in one)):
            raise refuse('"input" must hold texts, or lists of token ids')
    return value


def _template_file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GgufError(f"cannot be used: its chat_template {path} cannot be read ({error})") from None
