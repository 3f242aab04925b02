"""What a machine is, from what its system says."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from router.setup import hardware
from router.setup.hardware import Hardware


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {code}\n")
    file.chmod(0o755)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with 32 GiB, and a PATH with nothing but a shell and cat before what a test puts there."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:       33554432 kB\nMemFree: 1 kB\n")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "cat"):
        os.symlink(f"/bin/{name}", tmp_path / "bin" / name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_memory_is_that_of_the_system_and_without_a_gpu_some_is_left_to_it(root: Path) -> None:
    here = hardware.look(root)
    assert here.memory == 32 * 1024**3 and here.gpu is None and here.slow
    assert here.room == here.memory - 4 * 10**9 and "no GPU" in str(here)


def test_the_largest_nvidia_gpu_counts(root: Path) -> None:
    program(root / "bin", "nvidia-smi", "NVIDIA GeForce GTX 1650, 4096\nNVIDIA GeForce RTX 4090, 24564")
    here = hardware.look(root)
    assert (here.gpu, here.video) == ("NVIDIA GeForce RTX 4090", 24564 * 1024**2)
    assert here.room == here.video and not here.slow


@pytest.mark.parametrize("says", ["", "No devices were found", "a, b\n, \n[N/A], [N/A]", "\x00"])
def test_what_nvidia_smi_says_when_it_has_none_is_no_gpu(root: Path, says: str) -> None:
    program(root / "bin", "nvidia-smi", says)
    assert hardware.look(root).gpu is None
    program(root / "bin", "nvidia-smi", "Big, 99999", code=9)
    assert hardware.look(root).gpu is None


@pytest.mark.parametrize("script", ["sleep 61.37", "sleep 61.37 &", "sleep 61.37 & wait"])
def test_a_tool_that_hangs_is_ended_with_all_that_it_has_started(
    root: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    os.symlink("/bin/sleep", root / "bin/sleep")
    file = root / "bin/nvidia-smi"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setattr(hardware, "PATIENCE", 0.3)
    began = time.monotonic()
    assert hardware.look(root).gpu is None
    assert time.monotonic() - began < 3
    time.sleep(0.1)
    assert not [one for one in map(_command, Path("/proc").glob("[0-9]*/cmdline")) if one == b"sleep\x0061.37\0"]


def _command(file: Path) -> bytes:
    """As it was typed (proc(5)); empty of one that has ended."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_an_amd_gpu_is_read_from_the_driver(root: Path) -> None:
    device = root / "sys/class/drm/card1/device"
    device.mkdir(parents=True)
    (device / "mem_info_vram_total").write_text("17163091968\n")
    here = hardware.look(root)
    assert (here.gpu, here.video) == ("AMD GPU", 17163091968)


def test_apple_silicon_shares_its_memory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    (root / "proc/meminfo").unlink()
    program(root / "bin", "sysctl", "68719476736")
    here = hardware.look(root)
    assert here.unified and here.memory == 64 * 1024**3 and here.room == int(here.memory * 0.7)


def test_a_machine_that_tells_nothing_has_no_room() -> None:
    assert Hardware(0, 0).room == 0 and "memory unknown" in str(Hardware(0, 0))
