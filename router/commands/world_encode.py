"""`signalbox world encode`: what a world model of Tofy's makes of a prompt; no decoder is needed."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.world.condition import FORMS, as_text
from router.world.files import WorldError
from router.world.model import Imagined, WorldModel
from router.world.vocabulary import PAD

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["arguments", "run"]

SHOWN = 8
"""Numbers of a vector that a person is shown."""
MARGIN = 14


def arguments(parser: argparse.ArgumentParser) -> None:
    """The files, what they do not say of themselves, and the prompt."""
    parser.add_argument("prompt", metavar="PROMPT|-", help='the words; "-" reads them from standard input')
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="FILE", help="model_world_*.safetensors")
    parser.add_argument("--vocabulary", type=Path, required=True, metavar="FILE", help="vocab_world.txt")
    parser.add_argument("--heads", type=_count(1024), default=8, metavar="N", help="attention heads (default: 8)")
    parser.add_argument("--max-seq", type=_count(4096), default=128, metavar="N", help="tokens it reads (default: 128)")
    parser.add_argument("--json", action="store_true", help="print all numbers, as JSON")


def run(args: argparse.Namespace) -> int:
    """0: printed. 1: the files cannot be used, and a sentence says why."""
    words = sys.stdin.read() if args.prompt == "-" else args.prompt
    prompt = words.encode(errors="replace").decode()  # bytes that were no UTF-8 on the command line
    try:
        model = WorldModel.load(args.checkpoint, args.vocabulary, heads=args.heads, max_seq=args.max_seq)
    except WorldError as error:
        print(error, file=sys.stderr)
        return 1
    imagined = model.imagine(prompt)
    if args.json:
        print(json.dumps(_as_json(prompt, imagined)))
    else:
        width = min(shutil.get_terminal_size((100, 24)).columns, 100)
        for name, text in _lines(imagined):
            print(_wrapped(name, text, width))
        for form in FORMS:  # never wrapped, so that they can be copied as the decoder reads them
            print(form.ljust(MARGIN) + as_text(imagined.conditioning, form))
    return 0


def _count(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        number = int(text) if text.isdecimal() and len(text) < 9 else 0
        if not 1 <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")
        return number

    return count


def _as_json(prompt: str, imagined: Imagined) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "tokens": imagined.tokens,
        "ids": imagined.ids,
        "length": imagined.length,
        "latent": _numbers(imagined.latent),
        "next_latent": _numbers(imagined.next_latent),
        "conditioning": _numbers(imagined.conditioning),
        **{form: as_text(imagined.conditioning, form) for form in FORMS},
    }


def _numbers(vector: npt.NDArray[np.float32]) -> list[float]:
    """With the digits of float32, and not of the float64 that stands for it in JSON."""
    return [float(str(number)) for number in vector]


def _lines(imagined: Imagined) -> Iterator[tuple[str, str]]:
    """What a person reads: a name and its text."""
    read = imagined.tokens[: len(imagined.ids)]
    unread = len(imagined.tokens) - len(read)
    yield "tokens", " ".join(read) + (f" … and {unread} that the encoder does not read" if unread else "")
    padding = len(imagined.ids) - imagined.length
    ids = " ".join(map(str, imagined.ids[: imagined.length]))
    yield "ids", ids + (f" … and {padding} times {PAD}, the padding" if padding else "")
    yield "length", str(imagined.length)
    yield "latent", _beginning(imagined.latent)
    yield "next latent", _beginning(imagined.next_latent)
    yield "conditioning", _beginning(imagined.conditioning)


def _beginning(vector: npt.NDArray[np.float32]) -> str:
    more = len(vector) - SHOWN
    numbers = " ".join(f"{number:.4f}" for number in vector[:SHOWN])
    return numbers + (f" … and {more} more: --json prints them" if more > 0 else "")


def _wrapped(name: str, text: str, width: int) -> str:
    label = name.ljust(MARGIN)
    return textwrap.fill(text, width, initial_indent=label, subsequent_indent=" " * MARGIN) or label.rstrip()
