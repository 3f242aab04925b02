"""What the encoder reads and the decoder writes, as numbers: phrasings of each content, texts of each state."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from router.world.training.states import CONTENTS, States
from router.world.vocabulary import Vocabulary
from router.world.yard.phrasing import WORDS, clause_of, phrase
from router.world.yard.state import WAGONS, Yard

__all__ = [
    "BOS",
    "EOS",
    "IGNORED",
    "MOST_WORDS",
    "NOT_A_WORD",
    "PIECES",
    "UNK",
    "encoder_words",
    "phrasings",
    "spoken",
    "telling",
    "texts",
    "tokenized",
]

UNK, BOS, EOS = 0, 1, 2
PIECES = ("Track 1:", " Track 2:", " Track 3:", " Track 4:", *(f" {w}" for w in "ABCDEF"), " empty", ".")
"""The whole pieces of the decoder's vocabulary; they come after the three marks and the 256 bytes."""
FIRST_PIECE = 3 + 256
MOST_WORDS = 28
"""Tokens of one track's clause; a longer one is cut."""
TELLING = (
    "switch front points exit throat open turnout outer out buffer buffers bumper back rear far dead end inner closed",
    "deepest innermost farthest in outermost frontmost behind before ahead leaves leave comes goes first last then",
    "next followed between middle from to towards at nearest closest empty nothing no none free vacant clear bare",
    "without zero unused unoccupied nobody not",
)
"""Words that say where, in which order, or that nothing is there."""
NOT_A_WORD = 1
"""`<unk>` of the encoder's vocabulary."""
IGNORED = -100


def tokenized(text: str) -> list[int]:
    """A state's text as the decoder's tokens, the longest piece first, without marks. Raises ValueError."""
    tokens = []
    while text:
        piece = max((p for p in PIECES if text.startswith(p)), key=len, default="")
        if not piece:
            raise ValueError(f"not spoken by this decoder: {text[:40]!r}")
        tokens.append(FIRST_PIECE + PIECES.index(piece))
        text = text[len(piece) :]
    return tokens


def texts(states: States) -> npt.NDArray[np.int64]:
    """[states, longest]: BOS, the text of each state, EOS, then IGNORED."""
    return spoken([[CONTENTS[content] for content in row] for row in states.contents])


def spoken(tracks: Sequence[Sequence[str]]) -> npt.NDArray[np.int64]:
    """The same for any wagons on four tracks."""
    rows = [[BOS, *tokenized(str(Yard(tuple(four)))), EOS] for four in tracks]
    table = np.full((len(rows), max(map(len, rows))), IGNORED, np.int64)
    for row, tokens in zip(table, rows, strict=True):
        row[: len(tokens)] = tokens
    return table


def phrasings(vocabulary: Vocabulary, each: int, seed: int) -> npt.NDArray[np.int64]:
    """[contents, each + 1, MOST_WORDS]: ids of random training phrasings of each content, 0 after their end.

    The first is the plain form. In the others a word now and then is unknown, because users know words we do not.
    """
    rng = random.Random(seed)
    table = np.zeros((len(CONTENTS), each + 1, MOST_WORDS), np.int64)
    for number, content in enumerate(CONTENTS):
        for place in range(each + 1):
            words = clause_of(phrase(content, rng)) if place else plain(content)
            ids = vocabulary.ids(words)[:MOST_WORDS]
            table[number, place, : len(ids)] = ids
    return table


def encoder_words() -> list[str]:
    """The encoder's vocabulary file: the wagons, then every word and mark of the training phrasings."""
    return list(dict.fromkeys([*WAGONS, "empty", *sorted(WORDS)]))


def telling(vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """[vocabulary]: the words that a phrasing cannot do without, and that are never replaced by an unknown one."""
    mask = np.zeros(len(vocabulary), np.bool_)
    for word in (*WAGONS, *" ".join(TELLING).split()):
        mask[vocabulary.ids(word)] = True
    return mask


def plain(content: str) -> str:
    """The form in which a track stands in a spoken state, without its number."""
    return " ".join(content) or "empty"
