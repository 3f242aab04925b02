"""What the sequences of a shared context hold, and how a new speech comes to use it."""

from __future__ import annotations

from router.backends.llama.sequence import Sequence
from router.backends.llama.shared import SharedContext
from router.backends.llama.speech import Speech

__all__ = ["Cache"]

WORTH_WAITING = 64
"""Positions that another speech is just computing, for which one with the same beginning waits."""


class Cache:
    """The sequences of a context. An idle one keeps what it holds until it is needed for another speech.

    Used by the thread that computes.
    """

    def __init__(self, context: SharedContext, count: int, width: int):
        lib, model = context.lib, context.model
        self._context = context
        self._row = 4 * width
        # The state of these models is one for the whole sequence: no part of it can be taken over or left off.
        self._divisible = not (lib.llama_model_is_recurrent(model.handle) or lib.llama_model_is_hybrid(model.handle))
        self.sequences = [Sequence(number, width) for number in range(count)]
        self._idle = list(self.sequences)
        """The least recently used first."""

    @property
    def full(self) -> bool:
        """No sequence is idle."""
        return not self._idle

    def take(self, speech: Speech) -> Sequence:
        """An idle sequence for a speech: one of which it can use half or more, else the one used longest ago."""
        held = [(min(self._common(s, speech), s.length), s) for s in self._idle] if self._divisible else []
        fit = [(common, s) for common, s in held if 2 * common >= s.length > 0]
        sequence = max(fit, key=lambda pair: pair[0])[1] if fit else self._idle[0]
        self._idle.remove(sequence)
        sequence.speech = speech
        return sequence

    def give_back(self, sequence: Sequence) -> None:
        """Its speech has ended; what it holds stays."""
        sequence.leave()
        self._idle.append(sequence)

    def start(self, sequence: Sequence, speech: Speech) -> bool:
        """Take over the longest beginning that any sequence holds; False while another is computing a longer one."""
        donor, kept = sequence, 0
        if self._divisible:
            most = len(speech) - 1  # logits come from the last position: it is always computed
            commons = [(min(self._common(s, speech), most), s) for s in self.sequences]
            kept, donor = max(((min(common, s.length), s) for common, s in commons), key=lambda pair: pair[0])
            if any(s.started and common > s.length and common - kept >= WORTH_WAITING for common, s in commons):
                return False
        if donor is sequence:
            kept = kept if self.cut(sequence, kept) else 0
        else:
            self.cut(sequence, 0)
            self._context.copy(donor.number, sequence.number, kept)
        if donor in self._idle:
            self._idle.remove(donor)
            self._idle.append(donor)
        sequence.start(speech, kept)
        return True

    def cut(self, sequence: Sequence, length: int) -> bool:
        """Keep the first `length` positions. False, and none kept, where a model cannot go back."""
        kept = self._context.cut(sequence.number, length)
        sequence.length = length if kept else 0
        return kept

    def drop_idle(self) -> bool:
        """Forget what idle sequences hold; False when that is nothing."""
        holding = [sequence for sequence in self._idle if sequence.length]
        for sequence in holding:
            self.cut(sequence, 0)
        return bool(holding)

    def _common(self, sequence: Sequence, speech: Speech) -> int:
        return sequence.common(speech.prefix_bytes, self._row, speech.prompt)
