"""This machine, as far as it decides which model runs on it: memory, GPU, disk."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

__all__ = ["Hardware", "look"]

PATIENCE = 3.0
"""Seconds for each program that is asked."""
SYSTEM = 4 * 10**9
"""Bytes left to the system and to an editor where models lie in main memory."""
UNIFIED = 0.7
"""Of an Apple machine's memory, what the GPU may use: Metal's limit is between two thirds and three quarters."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """Sizes are bytes."""

    memory: int
    """0 where it could not be found out."""
    disk: int
    """Free, in the user's folder."""
    gpu: str | None = None
    """Its name."""
    video: int = 0
    """Memory of the largest GPU; 0 without one of its own."""
    unified: bool = False
    """GPU and processor share the memory."""

    @property
    def room(self) -> int:
        """Bytes that a model and its context may take, where it runs fastest."""
        if self.unified:
            return int(self.memory * UNIFIED)
        return max(self.video, 0) or self.plain

    @property
    def plain(self) -> int:
        """Bytes that a model may take in main memory."""
        return max(0, self.memory - SYSTEM)

    @property
    def slow(self) -> bool:
        """There is no GPU: a model computes on the processor."""
        return self.gpu is None

    def __str__(self) -> str:
        parts = [f"{self.memory / 1e9:.0f} GB of memory" if self.memory else "memory unknown"]
        if self.gpu is not None:
            own = "" if self.unified or not self.video else f", {self.video / 1e9:.0f} GB"
            parts.append(f"{self.gpu}{own}{', which shares it' if self.unified else ''}")
        else:
            parts.append("no GPU found")
        parts.append(f"{self.disk / 1e9:,.0f} GB of disk free")
        return "; ".join(parts)


def look(root: Path = Path("/")) -> Hardware:
    """Ask the system. Raises nothing for what cannot be found out. `root`: of /proc and /sys."""
    memory = _memory(root)
    disk = 0
    with contextlib.suppress(OSError, RuntimeError):
        disk = shutil.disk_usage(Path.home()).free
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        chip = _said("sysctl", "-n", "machdep.cpu.brand_string").strip() or "Apple silicon"
        return Hardware(memory, disk, chip, unified=True)
    name, video = _nvidia() or _amd(root) or (None, 0)
    return Hardware(memory, disk, name, video)


def _memory(root: Path) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(ValueError):
        return int(_said("sysctl", "-n", "hw.memsize"))
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 0


def _nvidia() -> tuple[str, int] | None:
    """The GPU with most memory."""
    said = _said("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    found = []
    for line in said.splitlines():
        name, _, size = line.rpartition(",")
        if name.strip() and size.strip().isdigit():
            found.append((int(size) * 1024**2, name.strip()))
    return (max(found)[1], max(found)[0]) if found else None


def _amd(root: Path) -> tuple[str, int] | None:
    """From the driver's own files (amdgpu, mem_info_vram_total): no program need be installed."""
    found = []
    with contextlib.suppress(OSError):
        for file in root.glob("sys/class/drm/card*/device/mem_info_vram_total"):
            with contextlib.suppress(OSError, ValueError):
                found.append((int(file.read_text()), _amd_name(file.parent)))
    return (max(found)[1], max(found)[0]) if found else None


def _amd_name(device: Path) -> str:
    with contextlib.suppress(OSError):
        if name := (device / "product_name").read_text().strip():
            return name
    return "AMD GPU"


def _said(*command: str) -> str:
    """What a program prints; "" without it, when it fails, and when it takes longer than PATIENCE."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        ran = subprocess.Popen(
            command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError:
        return ""
    try:
        said, _ = ran.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return ""
    finally:
        _end(ran)
    return said if ran.returncode == 0 else ""


def _end(program: subprocess.Popen[str]) -> None:
    """With all that it has started: what lives on keeps the pipe open, and whoever reads it waits."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(program.pid, signal.SIGKILL)
        else:
            program.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(1)
    if program.stdout is not None:
        program.stdout.close()
