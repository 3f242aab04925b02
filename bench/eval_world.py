"""`make eval-world`: what the shipped world model can do, on states that its training never saw.

Everything but the ablations goes through the shipped files and llama.cpp. `--ablations` trains smaller variants anew
(about a quarter of an hour) to show what each part is for; `--chat-model FILE.gguf` asks a chat model of your choice
the same questions in words; `--write` puts the tables into bench/eval-world.md. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small matrices are slower on more

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from bench.world_cases import Cases
from bench.world_measures import Measures, Understood
from bench.yard_fourth import FOURTH
from bench.yard_phrasings import FIRST
from bench.yard_second import SECOND
from bench.yard_third import THIRD
from router.backends.world.decoder import Decoder
from router.backends.world.voice import CrowdVoice
from router.world.training.states import SPLITS, states
from router.world.yard.model import DECODER, SHIPPED, YardModel

__all__ = ["main"]

HERE = Path(__file__).parent
HELD_OUT = "held-out phrasings"
WRITERS = {"first set": FIRST, "second set": SECOND, "third set": THIRD, "fourth set": FOURTH}
TARGETS = {
    "next state": 0.995,
    "conditioning zeroed": -0.005,
    "conditioning shuffled": -0.005,
    "4 moves": 0.99,
    "8 moves": 0.98,
    "32 moves": 0.80,
    "32 moves, re-anchored every 4": 0.995,
    "disallowed moves told": 0.995,
    "optimal plans at distance 8, beam 8": 0.98,
    HELD_OUT: 0.95,
}
"""At least so much; at most, where it is negative."""
Row = tuple[str, list[float | None]]


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.eval_world", description=__doc__)
    parser.add_argument("--files", type=Path, default=SHIPPED, metavar="FOLDER", help="default: the shipped ones")
    parser.add_argument("--quick", action="store_true", help="a tenth of the cases")
    parser.add_argument("--ablations", action="store_true", help="train variants anew; needs PyTorch")
    parser.add_argument("--chat-model", type=Path, metavar="GGUF", help="a chat model to ask the same in words")
    parser.add_argument("--write", action="store_true", help="write bench/eval-world.md")
    args = parser.parse_args()
    began = perf_counter()
    with opened(args.files) as measures:
        parts, missed = _evaluated(measures, 10 if args.quick else 1)
        if args.chat_model is not None:
            from bench.world_baselines import chat_model

            parts.append(chat_model(args.chat_model, measures.states, 10 if args.quick else 50))
    if args.ablations:
        from bench.world_baselines import trained_variants

        parts.append(trained_variants())
    command = "python -m bench.eval_world " + " ".join(sys.argv[1:])
    parts.append(f"`{command.strip()}`, {(perf_counter() - began) / 60:.1f} minutes.")
    page = "\n\n".join(["# The switch yard, measured", *parts]) + "\n"
    print(page)
    if args.write:
        (HERE / "eval-world.md").write_text(page, "utf-8")
    for name in missed:
        print(f"missed: {name}", file=sys.stderr)
    return 1 if missed else 0


@contextmanager
def opened(folder: Path) -> Iterator[Measures]:
    """Model and decoder from their files, in this process."""
    decoder = Decoder(folder / DECODER, parallel=16, n_ctx=256, n_gpu_layers=0, n_threads=1)
    try:
        yield Measures(YardModel.load(folder), CrowdVoice(decoder.crowd, decoder.model, every=None), states())
    finally:
        decoder.close()


def _evaluated(measures: Measures, fraction: int) -> tuple[list[str], list[str]]:
    """The tables, and the targets that were missed."""
    columns: list[dict[str, float]] = []
    for split in SPLITS:
        print(f"… {split}", file=sys.stderr)
        columns.append(_column(measures, Cases(measures.states, split), fraction))
    rows = [(name, [column[name] for column in columns]) for name in columns[0]]
    words = {name: measures.phrasings(writer, 1500 // fraction, seed=11) for name, writer in WRITERS.items()}
    rows_of_words = [(HELD_OUT, [each.share() for each in words.values()])]
    missed = [
        f"{name} ({share:.2%})"
        for name, values in [*rows, *rows_of_words]
        for share in values
        if name in TARGETS and not _met(TARGETS[name], share)
    ]
    parts = [
        "States that no training saw: three held-out sets by chance (a fifth of all states each) and one by structure "
        "(wagon A on track 4, wagon F on track 1: never seen there). Shares in per cent.",
        _table(["", *SPLITS, "target"], rows),
        "## In users' words\n\n"
        "Whole messages (a state, moves or a goal, a question) through reading, encoder, transition and decoder, in "
        "phrasings that no training of the model contained, each set written by somebody who did not know the reader. "
        "The reader, which is no trained part, was improved while looking at all four; docs/world.md tells how two "
        "of them fared before that.\n\n" + _words_table(words),
        "Hardest styles: "
        + (", ".join(f"{style} ({1 - share:.0%} right)" for style, share in _worst(words)) or "none failed")
        + ".",
        f"Messages that cannot be answered (a wagon twice, no state, another world): {measures.refused():.1%} got a "
        "sentence and no invented state.",
    ]
    return parts, missed


def _column(measures: Measures, cases: Cases, fraction: int) -> dict[str, float]:
    column = measures.next_state(cases, 2000 // fraction)
    column |= measures.rollouts(cases, 1000 // fraction, (4, 8, 32))
    column["32 moves, re-anchored every 4"] = measures.anchored(cases, 1000 // fraction, 32, 4)
    column["32 moves, re-anchored every move"] = measures.anchored(cases, 300 // fraction, 32, 1)
    column |= measures.disallowed(cases, 3000 // fraction)
    column["optimal plans at distance 8, beam 8"] = measures.plans(cases, 300 // fraction, 8, 8)
    column["optimal plans at distance 8, beam 4"] = measures.plans(cases, 300 // fraction, 8, 4)
    return column


def _words_table(words: dict[str, Understood]) -> str:
    kinds = list(next(iter(words.values())).asked)
    lines = ["| | " + " | ".join(words) + " |", "| --- |" + " ---: |" * len(words)]
    rows = [(f"**right** (target ≥ {TARGETS[HELD_OUT]:.0%})", [each.share() for each in words.values()])]
    rows += [(f"{kind}", [each.share(kind) for each in words.values()]) for kind in kinds]
    rows.append(("asked back instead", [each.asked_back / each.asked.total() for each in words.values()]))
    rows.append(("encoder read the user's own words", [each.own_words / each.right.total() for each in words.values()]))
    lines += [f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |" for name, shares in rows]
    return "\n".join(lines)


def _worst(words: dict[str, Understood]) -> list[tuple[str, float]]:
    """Of all sets, the styles with the share that went wrong, the hardest first."""
    return sorted((each for heard in words.values() for each in heard.worst(8)), key=lambda each: -each[1])[:8]


def _met(target: float, share: float) -> bool:
    return share >= target if target > 0 else share <= -target


def _table(head: list[str], rows: list[tuple[str, list[float]]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for name, values in rows:
        target = TARGETS.get(name)
        wanted = "" if target is None else f"{'≥' if target > 0 else '≤'} {abs(target) * 100:g}"
        lines.append(f"| {name} | " + " | ".join(f"{value * 100:.2f}" for value in values) + f" | {wanted} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
