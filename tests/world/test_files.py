"""What is said of a file that cannot be opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from router.world.files import WorldError, opened


def test_a_missing_file() -> None:
    with pytest.raises(WorldError, match=r"^models/none\.safetensors does not exist\.$"):
        opened("models/none.safetensors")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"is a folder, and a file is needed\.$"):
        opened(tmp_path)


def test_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    link = tmp_path / "model.safetensors"
    link.symlink_to(link)
    with pytest.raises(WorldError, match=r"model\.safetensors cannot be read: Too many levels of symbolic links\.$"):
        opened(link)


def test_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(WorldError, match=r"cannot be read: Not a directory\.$"):
        opened(tmp_path / "a" / "b")


def test_a_pipe_does_not_make_anybody_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WorldError, match=r"pipe is no regular file\.$"):
        opened(tmp_path / "pipe")


def test_a_file_that_others_may_not_read(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    file.chmod(0)
    user = os.geteuid()
    if user == 0:  # who may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(WorldError, match=r"model\.safetensors cannot be read: Permission denied\.$"):
            opened(file)
    finally:
        if user == 0:
            os.seteuid(0)


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-this-name/model.safetensors"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(WorldError, match=r"is no path: "):
        opened(path)


def test_the_home_folder_may_be_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "vocab.txt").write_bytes(b"train")
    with opened("~/vocab.txt") as file:
        assert file.read() == b"train"
