"""Several answers at once from one context: each step computes the next token of all that speak in one batch.

A step costs a small model hardly more for four sequences than for one, and a large model reads its weights once for
all of them. Prompts are computed in pieces beside the tokens of the others, so that a long one holds nobody up.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import deque
from time import perf_counter
from typing import NamedTuple

import numpy as np

from router.backends.contract import BackendError
from router.backends.llama.batch import Batch
from router.backends.llama.cache import Cache
from router.backends.llama.embeddings import Embeddings
from router.backends.llama.library import said
from router.backends.llama.model import Model
from router.backends.llama.request import Sampling, refuse
from router.backends.llama.sampler import Sampler
from router.backends.llama.sequence import Sequence
from router.backends.llama.shared import ABORTED, NO_ROOM, SharedContext
from router.backends.llama.speech import Speech

__all__ = ["Crowd"]

log = logging.getLogger("signalbox.backends")

BESIDE = 64
"""Prompt positions of a step in which others speak: more would make them wait for it."""


class Piece(NamedTuple):
    """Positions `start` to `stop` of a sequence, to be computed in this step."""

    sequence: Sequence
    start: int
    stop: int


class Crowd:
    """One context and the thread that computes in it. Speeches are taken in the order in which they come."""

    def __init__(
        self,
        model: Model,
        *,
        parallel: int,
        n_ctx: int,
        n_threads: int,
        n_threads_batch: int,
        exact: bool = False,
        one_batch: bool = True,
    ):
        """`parallel` sequences of `n_ctx` positions each. Raises GgufError when memory does not suffice.

        llama.cpp takes `n_threads_batch` as soon as two tokens are in a batch. `exact`: attention in float32
        throughout. `one_batch` False: tokens are decoded as ids and a prefix before them, in a decode of its own, as
        it must be where the file's embeddings cannot be read.
        """
        self._model = model
        self._n_ctx = n_ctx
        self._width = int(model.lib.llama_model_n_embd_inp(model.handle))
        self._context = context = SharedContext(
            model, sequences=parallel, n_ctx=n_ctx, n_threads=n_threads, n_threads_batch=n_threads_batch, exact=exact
        )
        self._cache = Cache(context, parallel, self._width)
        table = Embeddings.of(model.file) if one_batch else None
        if table is not None and (table.width, table.count) != (self._width, model.n_vocab):
            table = None
        self._rows = Batch(context.capacity, width=self._width, table=table)
        self._ids = Batch(context.capacity) if table is None else None
        self._ends = functools.cache(model.ends)
        self._starting: list[Sequence] = []
        """Their prompts are not whole yet; the first come first."""
        self._speaking: list[Sequence] = []
        self._waiting: deque[Speech] = deque()
        self._turn = threading.Condition()
        self._news = False
        """Something has come or gone: what runs is looked over before the next step."""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"crowd {model.file.path.name}", daemon=True)
        self._thread.start()

    def say(self, speech: Speech) -> None:
        """Queue a speech, from any thread. After `close` it is done at once, in the caller's thread."""
        speech.heard = self._cancelled
        with self._turn:
            if not self._closing:
                self._waiting.append(speech)
                self._news = True
                self._turn.notify()
                return
        _tell(speech, self._closed())

    def close(self) -> None:
        """End all speeches now, and free the memory. Not to be called from a callback."""
        with self._turn:
            self._closing = self._news = True
            self._context.abort()
            self._turn.notify()
        self._thread.join()

    def _cancelled(self) -> None:
        with self._turn:
            self._news = True
            running = [sequence.speech for sequence in (*self._starting, *self._speaking)]
            if all(speech is None or speech.cancelled for speech in running):
                self._context.abort()
            self._turn.notify()

    def _run(self) -> None:
        try:
            while self._look():
                try:
                    self._step()
                except Exception as fault:
                    # Of ours, or memory that ran out: those in this step fail, the crowd goes on.
                    log.exception("a step of %s failed", self._model.file.path)
                    self._forget_all(BackendError("broken", f"the step failed: {type(fault).__name__}"))
        finally:
            with self._turn:
                waiting, self._waiting = [*self._waiting], deque()
                self._closing = True
            self._forget_all(self._closed())
            for speech in waiting:
                _tell(speech, self._closed())
            self._context.close()

    def _look(self) -> bool:
        """Wait for work, let go of who was cancelled, let in who waits. False when the crowd closes."""
        if not self._news and (self._speaking or self._starting):
            return True
        with self._turn:
            while not (self._news or self._speaking or self._starting):
                self._turn.wait()
            if self._closing:
                return False
            self._news = False
            self._context.resume()
            cancelled = [s for s in (*self._starting, *self._speaking) if s.speech is not None and s.speech.cancelled]
            gone = [self._leave(sequence) for sequence in cancelled]
            gone += [speech for speech in self._waiting if speech.cancelled]
            self._waiting = deque(speech for speech in self._waiting if not speech.cancelled)
            turned_away = self._let_in()
        for speech in gone:
            _tell(speech, BackendError("broken", "the request was cancelled"))
        for speech, reason in turned_away:
            _tell(speech, reason)
        return True

    def _let_in(self) -> list[tuple[Speech, str | BackendError]]:
        """Give each that waits a sequence while there are idle ones; those that need none, or can have none, come
        back."""
        turned_away: list[tuple[Speech, str | BackendError]] = []
        while self._waiting and not self._cache.full:
            speech = self._waiting.popleft()
            if speech.limit < 1:
                turned_away.append((speech, "length"))
                continue
            try:
                self._check(speech)
                sampler = None if _is_greedy(speech.sampling) else Sampler(self._model, speech.sampling, None)
            except BackendError as fault:
                turned_away.append((speech, fault))
                continue
            sequence = self._cache.take(speech)
            sequence.sampler, sequence.began = sampler, perf_counter()
            self._starting.append(sequence)
        return turned_away

    def _check(self, speech: Speech) -> None:
        prefix = speech.prefix
        if prefix is not None and (prefix.ndim != 2 or prefix.shape[1] != self._width):
            raise BackendError("broken", f"the prefix has the shape {prefix.shape}; rows of {self._width} are wanted")
        if prefix is not None and not np.isfinite(prefix).all():
            # A cell that holds one would spoil the others' attention, too: it is masked by a factor of zero.
            raise BackendError("broken", "the prefix holds a value that is no finite number")
        if speech.prompt and not 0 <= min(speech.prompt) <= max(speech.prompt) < self._model.n_vocab:
            raise refuse(f"a token id is outside the vocabulary of {self._model.n_vocab}")
        if len(speech) == 0:
            raise refuse("there is nothing to read before the answer: neither a prefix nor a prompt")
        if len(speech) >= self._n_ctx:
            message = f"prefix and prompt have {len(speech)} positions; the context holds {self._n_ctx}"
            raise refuse(message, "context_length_exceeded")

    def _step(self) -> None:
        pieces = [Piece(s, s.length, s.length + 1) for s in self._speaking]
        pieces += self._prompts()
        if not pieces:
            return
        if self._ids is None:
            self._compute(self._rows, pieces)
            return
        prefixes = [Piece(s, start, min(stop, len(s.prefix))) for s, start, stop in pieces if start < len(s.prefix)]
        if prefixes and not self._compute(self._rows, prefixes):
            return
        # Those who did not fail go on where the prefix ends.
        tokens = [Piece(s, max(start, len(s.prefix)), stop) for s, start, stop in pieces if stop > len(s.prefix)]
        tokens = [piece for piece in tokens if piece.sequence.speech and piece.sequence.length == piece.start]
        if tokens:
            self._compute(self._ids, tokens)

    def _prompts(self) -> list[Piece]:
        """What of the prompts is computed in this step."""
        room = self._context.capacity - len(self._speaking)
        if self._speaking:
            room = min(room, BESIDE)
        pieces = []
        for sequence in self._starting:
            if room <= 0:
                break
            speech = sequence.speech
            if speech is None or not (sequence.started or self._cache.start(sequence, speech)):
                continue
            stop = min(sequence.size, sequence.length + room)
            room -= stop - sequence.length
            pieces.append(Piece(sequence, sequence.length, stop))
        return pieces

    def _compute(self, batch: Batch, pieces: list[Piece]) -> bool:
        """Decode the pieces and draw what comes out. False when it was aborted."""
        speaking = [piece for piece in pieces if piece.sequence.first]
        batch.clear()
        if speaking:
            batch.speak(
                [s.number for s, _, _ in speaking],
                [start for _, start, _ in speaking],
                [s.tokens[-1] for s, _, _ in speaking],
            )
        outputs = [s for s, _, _ in speaking]
        places = list(range(len(speaking)))
        for piece in pieces[len(speaking) :]:
            if self._fill(batch, piece):
                outputs.append(piece.sequence)
                places.append(batch.size - 1)
        code = self._context.decode(batch)
        if code == NO_ROOM and self._cache.drop_idle():
            code = self._context.decode(batch)
        if code:
            return self._failed(batch, pieces, code)
        for sequence, _, stop in pieces:
            sequence.length = stop
        if outputs:
            self._hear(outputs, places)
        return True

    def _fill(self, batch: Batch, piece: Piece) -> bool:
        """Add a piece of a prompt; True when it is the last."""
        s, start, stop = piece
        k = len(s.prefix)
        last = stop == k + len(s.tokens)
        rows = s.prefix[start:stop] if start < k else None
        batch.piece(s.number, start, rows, s.tokens[max(0, start - k) : max(0, stop - k)], last=last)
        return last

    def _failed(self, batch: Batch, pieces: list[Piece], code: int) -> bool:
        """Undo a batch that was not computed, and find out who is at fault by computing each for itself."""
        lost = [piece for piece in pieces if not self._cache.cut(piece.sequence, piece.start)]
        if code == ABORTED:
            self._news = True
            return False
        failed = lost if len(pieces) > 1 else pieces
        reason = said() or ("the cache is full" if code == NO_ROOM else "it gives no reason")
        fault = BackendError("broken", f"llama.cpp could not compute (code {code}): {reason}")
        with self._turn:
            speeches = [self._leave(piece.sequence) for piece in failed]
        for speech in speeches:
            _tell(speech, fault)
        return all(self._compute(batch, [piece]) for piece in pieces if piece not in failed)

    def _hear(self, outputs: list[Sequence], places: list[int]) -> None:
        """Draw a token for each, and hand it over."""
        drawn: list[int] = self._context.logits(len(outputs)).argmax(axis=1).tolist()
        ended: list[tuple[Sequence, str | BackendError]] = []
        ends, fresh = self._ends, False
        for i, sequence in enumerate(outputs):
            token, speech = drawn[i], sequence.speech
            assert speech is not None
            if sequence.sampler is not None:
                token = sequence.sampler.draw_row(self._context.handle, places[i])
            if not sequence.first:
                fresh = True
                sequence.first = perf_counter()
            if ends(token):
                ended.append((sequence, "stop"))
                continue
            speech.tokens += 1
            try:
                goes_on = speech.take(token)
            except Exception as fault:
                log.exception("who hears %s failed", self._model.file.path)
                ended.append((sequence, BackendError("broken", f"the answer failed: {type(fault).__name__}")))
                continue
            if not goes_on:
                ended.append((sequence, "stop"))
            elif speech.tokens >= speech.limit or sequence.size >= self._n_ctx:
                ended.append((sequence, "length"))
            else:
                sequence.tokens.append(token)
        if fresh or ended:
            self._rearrange(outputs, ended)

    def _rearrange(self, outputs: list[Sequence], ended: list[tuple[Sequence, str | BackendError]]) -> None:
        with self._turn:
            self._starting = [s for s in self._starting if not s.first]
            self._speaking += [s for s in outputs if s not in self._speaking]
            left = [(self._leave(sequence), reason) for sequence, reason in ended]
            self._news = self._news or bool(left and self._waiting)
        for speech, reason in left:
            _tell(speech, reason)

    def _leave(self, sequence: Sequence) -> Speech:
        """A speech ends; its sequence is idle, and keeps what it holds."""
        speech = sequence.speech
        assert speech is not None
        for those in (self._starting, self._speaking):
            if sequence in those:
                those.remove(sequence)
        self._cache.give_back(sequence)
        return speech

    def _forget_all(self, fault: BackendError) -> None:
        """Every speech that runs fails, and nothing is kept."""
        with self._turn:
            failed = [self._leave(sequence) for sequence in (*self._starting, *self._speaking)]
            for sequence in self._cache.sequences:
                self._cache.cut(sequence, 0)
        for speech in failed:
            _tell(speech, fault)

    def _closed(self) -> BackendError:
        return BackendError("down", f"{self._model.file.path.name} is being closed")


def _is_greedy(s: Sampling) -> bool:
    neutral = (s.repeat_penalty, s.frequency_penalty, s.presence_penalty, s.logit_bias) == (1.0, 0.0, 0.0, ())
    return s.temperature == 0 and neutral


def _tell(speech: Speech, reason: str | BackendError) -> None:
    try:
        speech.done(reason)
    except Exception:
        log.exception("the end of an answer could not be told")
