"""A change of the file is told once, whole, and within a second."""

import asyncio
import os

from hypothesis import given
from hypothesis import strategies as st

from router.config.load import digest
from router.config.watch import Changes, Watcher


class Disk:
    """A file that changes between looks."""

    def __init__(self, content=b"old"):
        self.content = content
        self.version = 1

    def write(self, content):
        self.content, self.version = content, self.version + 1

    def read(self):
        if self.content is None:
            raise FileNotFoundError
        return self.content

    def look(self, changes):
        signature = None if self.content is None else (self.version,)
        return changes.observe(signature, self.read)


def looks(disk, changes, number=4):
    return [told for _ in range(number) if (told := disk.look(changes)) is not None]


def test_an_unchanged_file_is_told_never():
    disk, changes = Disk(), Changes(digest(b"old"))
    assert looks(disk, changes, 50) == []


def test_a_change_is_told_once_and_at_the_second_look():
    disk, changes = Disk(), Changes(digest(b"old"))
    looks(disk, changes)
    disk.write(b"new")
    assert [disk.look(changes) for _ in range(4)] == [None, b"new", None, None]


def test_a_file_written_in_pieces_is_told_whole():
    disk, changes = Disk(), Changes(digest(b"old"))
    told = []
    for piece in (b"", b"n", b"ne", b"new"):
        disk.write(piece)
        told += looks(disk, changes, 1)
    assert told + looks(disk, changes) == [b"new"]


def test_a_file_that_was_only_touched_is_not_told():
    disk, changes = Disk(), Changes(digest(b"old"))
    disk.write(b"old")
    assert looks(disk, changes) == []


def test_a_file_that_vanishes_for_a_moment_is_told_when_it_is_back():
    disk, changes = Disk(), Changes(digest(b"old"))
    looks(disk, changes)
    disk.write(None)
    assert looks(disk, changes) == []
    disk.write(b"new")
    assert looks(disk, changes) == [b"new"]


def test_a_file_that_vanishes_between_look_and_read_is_told_later():
    disk, changes = Disk(), Changes(digest(b"old"))
    disk.write(b"new")
    disk.look(changes)

    def gone():
        raise FileNotFoundError

    assert changes.observe((disk.version,), gone) is None
    assert looks(disk, changes) == [b"new"]


def test_a_second_write_within_one_tick_of_the_clock_is_seen():
    disk, changes = Disk(), Changes(digest(b"old"))
    disk.write(b"new")
    assert looks(disk, changes, 2) == [b"new"]
    disk.content = b"now"  # the signature stays what it was
    assert looks(disk, changes) == [b"now"]


def test_going_back_to_the_old_content_is_a_change():
    disk, changes = Disk(), Changes(digest(b"old"))
    disk.write(b"new")
    assert looks(disk, changes) == [b"new"]
    disk.write(b"old")
    assert looks(disk, changes) == [b"old"]


@given(st.lists(st.sampled_from([b"a", b"b", None, "look"]), max_size=30))
def test_whatever_happens_the_last_content_is_the_one_in_use(events):
    disk, changes = Disk(), Changes(digest(b"old"))
    in_use = b"old"
    for event in events:
        if event == "look":
            in_use = disk.look(changes) or in_use
        else:
            disk.write(event)
    disk.write(b"last")
    for told in looks(disk, changes):
        in_use = told
    assert in_use == b"last"


def told_after(path, change, known=None):
    """What a real watcher tells after `change()` happened to a real file."""

    async def watch():
        watcher = Watcher(path, known, interval=0.02)
        following = aiter(watcher)
        next_content = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.06)
        change()
        try:
            return await asyncio.wait_for(next_content, 1.0)
        finally:
            await following.aclose()

    return asyncio.run(watch())


def test_a_file_that_an_editor_replaces_is_told(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"old")

    def replace():
        (tmp_path / "rules.yaml~").write_bytes(b"new")
        os.replace(tmp_path / "rules.yaml~", file)

    assert told_after(file, replace) == b"new"


def test_a_mount_that_swaps_a_symlink_is_told(tmp_path):
    for name, content in (("v1", b"old"), ("v2", b"new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_bytes(content)
    (tmp_path / "..data").symlink_to("v1")
    file = tmp_path / "rules.yaml"
    file.symlink_to("..data/rules.yaml")

    def swap():
        (tmp_path / "..next").symlink_to("v2")
        os.replace(tmp_path / "..next", tmp_path / "..data")

    assert told_after(file, swap) == b"new"


def test_a_file_that_is_written_in_place_is_told(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"old")
    assert told_after(file, lambda: file.write_bytes(b"new")) == b"new"


def test_a_change_between_loading_and_watching_is_told(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"new")
    assert told_after(file, lambda: None, known=digest(b"old")) == b"new"
