"""Words to numbers, as Tofy's vocabulary files have them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from router.world.files import WorldError, opened

__all__ = ["PAD", "UNKNOWN", "Vocabulary"]

PAD, UNKNOWN = 0, 1
_SPECIAL = ("<pad>", "<unk>", "<mask>")
# The four separators \x1c to \x1f are white space to Python, but not to Unicode, whose notion Tofy follows.
_TOKEN = re.compile(r"[A-Za-z0-9']+|\S|[\x1c-\x1f]")
MOST_BYTES = 64 * 1024 * 1024


class Vocabulary:
    """`<pad>` is 0, `<unk>` 1 and `<mask>` 2, then the words in their order; a known word is not added again."""

    def __init__(self, words: Iterable[str]):
        self._ids: dict[str, int] = {}
        for word in (*_SPECIAL, *words):
            self._ids.setdefault(word, len(self._ids))

    @classmethod
    def read(cls, path: str | Path) -> Vocabulary:
        """One word a line, UTF-8, empty lines skipped. Raises WorldError."""
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST_BYTES:
                raise WorldError(f"{path} is no vocabulary: it has {size} bytes, more than {MOST_BYTES}.")
            content = file.read()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise WorldError(f"{path} is no vocabulary: byte {error.start} is not UTF-8.") from None
        words = [word for line in text.split("\n") if (word := line.strip())]
        if not words:
            raise WorldError(f"{path} is no vocabulary: it holds no words.")
        return cls(words)

    def __len__(self) -> int:
        return len(self._ids)

    def tokens(self, text: str) -> list[str]:
        """Runs of ASCII letters, digits and ' are a token each; so is any other character that is not white space."""
        return _TOKEN.findall(text)

    def ids(self, text: str) -> list[int]:
        """The numbers of the tokens; UNKNOWN for one that is not in the vocabulary."""
        return [self._ids.get(token, UNKNOWN) for token in self.tokens(text)]
