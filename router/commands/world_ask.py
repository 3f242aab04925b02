"""`signalbox world ask`: one answer of a world model, without a proxy; for the yard with a picture of its states."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from router.backends.contract import BackendError, Call
from router.backends.llama.installed import NOT_INSTALLED, llama_is_installed
from router.backends.world.question import CHAT, FIELD, Question, pack
from router.backends.world.settings import Settings, settings
from router.config.backend import WorldBackend
from router.world.files import WorldError
from router.world.yard.picture import draw_steps
from router.world.yard.state import Yard

__all__ = ["arguments", "run"]

FILES = ("checkpoint", "vocabulary", "decoder", "projection")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The question, and whose answer it is: without files, the embedded yard's."""
    parser.add_argument("question", metavar="QUESTION|-", help='the words; "-" reads them from standard input')
    parser.add_argument("--ablate", action="store_true", help="a condition of zeros, to see what it is good for")
    parser.add_argument("--checkpoint", metavar="FILE", help="model_world_*.safetensors (default: the embedded yard)")
    parser.add_argument("--vocabulary", metavar="FILE", help="vocab_world.txt")
    parser.add_argument("--decoder", metavar="FILE", help="the GGUF that speaks (default: as `kind: world` finds it)")
    parser.add_argument("--heads", type=int, metavar="N", help="attention heads of the encoder (default: 8)")
    parser.add_argument("--conditioning", choices=("text", "prefix"), help="how the decoder learns of the state")
    parser.add_argument(
        "--projection", metavar="FILE", help="for --conditioning prefix (default: beside the checkpoint)"
    )
    parser.add_argument("--steps", action="store_true", help="draw every imagined step of the yard")
    parser.add_argument("--json", action="store_true", help="print the answer and all that was imagined, as JSON")


def run(args: argparse.Namespace) -> int:
    """0: answered. 1: a file cannot be used, or the question cannot be answered; a sentence says why."""
    words = sys.stdin.read() if args.question == "-" else args.question
    try:
        return _answered(args, words.encode(errors="replace").decode())
    except ValidationError as error:
        print(str(error.errors()[0]["msg"]).removeprefix("Value error, "), file=sys.stderr)
    except WorldError as error:
        print(error, file=sys.stderr)
    except BackendError as error:
        print(error.message, file=sys.stderr)
    return 1


def _answered(args: argparse.Namespace, words: str) -> int:
    known = _settings(args)
    asked = {"messages": [{"role": "user", "content": words}], FIELD: {"world": True, "ablate": args.ablate}}
    question = Question.loads(pack(Call(CHAT, b"", asked, stream=not args.json)), known)
    if not llama_is_installed():
        print(NOT_INSTALLED, file=sys.stderr)
        return 1
    # What needs numpy and llama.cpp comes last: a wrong option is told at once.
    from router.backends.world.hearing import Listener
    from router.backends.world.speaker import Spoken, open_speaker

    speaker, spoken = open_speaker(known), Spoken()
    try:
        said = _show(speaker.speak(question, Listener(speaker.crowd), spoken), quiet=args.json)
    finally:
        speaker.close()
    if args.json:
        print(json.dumps({"answer": said, "world": spoken.world, "usage": asdict(spoken.tally)}))
    elif known.checkpoint is None and spoken.world is not None and (picture := _picture(spoken.world, args.steps)):
        print(f"\n{picture}")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    said = {name: getattr(args, name) for name in (*FILES, "heads", "conditioning") if getattr(args, name) is not None}
    name = "tofy" if args.checkpoint else "yard"
    return settings(name, WorldBackend.model_validate({"kind": "world", "parallel": 1, **said}))


def _show(pieces: Iterator[str], *, quiet: bool) -> str:
    said = []
    for piece in pieces:
        said.append(piece)
        if not quiet:
            print(piece, end="", flush=True)
    if not quiet:
        print()
    return "".join(said)


def _picture(told: dict[str, Any], steps: bool) -> str:
    """What was read in the latents: the state asked about and the last one imagined, or each on the way."""
    if told["state"] is None:
        return ""
    shown = [("now", told["state"])]
    imagined = [(f"{number}. {step['move']}", step["state"]) for number, step in enumerate(told["steps"], 1)]
    shown += imagined if steps else imagined[-1:]
    terminal = sys.stdout.isatty()
    return draw_steps(
        list(_yards(shown)),
        width=shutil.get_terminal_size((80, 24)).columns,
        colour=terminal and "NO_COLOR" not in os.environ,
        ascii_only=not (sys.stdout.encoding or "").lower().startswith("utf"),
    )


def _yards(shown: list[tuple[str, str]]) -> Iterator[tuple[str, Yard]]:
    """As far as they are states: what is read in a latent that has drifted may be none."""
    for title, state in shown:
        try:
            yield title, Yard.read(state)
        except ValueError:
            return
