"""A progress bar for each stage of the training, with the latest held-out score beside it."""

from __future__ import annotations

from tqdm import tqdm

from router.world.training.train import Report

__all__ = ["bars"]


def bars(line: int = 0) -> Report:
    """Bars on this line of the terminal, counted down from where the cursor is."""
    shown: dict[str, tqdm[None]] = {}

    def report(stage: str, step: int, steps: int, told: str) -> None:
        bar = shown.get(stage)
        if bar is None:
            bar = shown[stage] = tqdm(total=steps, desc=stage, unit="step", mininterval=1.0, position=line)
        bar.set_postfix_str(told, refresh=False)
        bar.update()
        if step == steps:
            bar.close()

    return report
