"""`Link.push`, `pull` and `stat`, both ways, on phones of three generations."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ghostdeploy.errors import FileUnreadable
from ghostdeploy.phone_errors import PullFailed, PushFailed
from tests.adb.fake import FakePhone
from tests.adb.ways import GENERATIONS, Way, generations

PLACE = "/data/local/tmp/ghostdeploy"
SIZES = [0, 1, 4088, 4096, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1_000_003]


@generations
def test_bytes_go_there_and_back(way: Way, tmp_path: Path, generation: str) -> None:
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        link = way(phone)
        for size in SIZES:
            data = os.urandom(size)
            link.push(data, f"{PLACE}/{size}", deadline_s=20)
            assert phone.local(f"{PLACE}/{size}").read_bytes() == data
            assert link.pull(f"{PLACE}/{size}", deadline_s=20) == data


def test_a_file_of_this_machine(way: Way, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.write_bytes(os.urandom(20_000_000))
    with FakePhone(tmp_path / "phone") as phone:
        way(phone).push(here, f"{PLACE}/there", mode=0o755, deadline_s=30)
        there = phone.local(f"{PLACE}/there")
        assert there.read_bytes() == here.read_bytes()
        assert there.stat().st_mode & 0o777 == 0o777        # adbd widens the owner's bits to everybody


@pytest.mark.parametrize("name", ["missing", ""])
def test_a_file_that_is_not_here(way: Way, tmp_path: Path, name: str) -> None:
    with FakePhone(tmp_path / "phone") as phone:
        link = way(phone)
        with pytest.raises(FileUnreadable, match="could not read"):
            link.push(tmp_path / name, f"{PLACE}/x", deadline_s=10)
        assert link.stat(f"{PLACE}/x") is None


def test_names_with_all_that_names_may_have(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        for name in ("a b", "é", "a,b", "it's", "$HOME", "x,33188"):
            link.push(name.encode(), f"{PLACE}/{name}", deadline_s=10)
            assert link.pull(f"{PLACE}/{name}", deadline_s=10) == name.encode()


@generations
def test_stat(way: Way, tmp_path: Path, generation: str) -> None:
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        link = way(phone)
        link.push(b"12345", f"{PLACE}/file", deadline_s=10)
        file, folder = link.stat(f"{PLACE}/file"), link.stat(PLACE)
        assert file is not None and folder is not None
        assert (file.size, stat.S_ISREG(file.mode)) == (5, True)
        assert stat.S_ISDIR(folder.mode)
        assert link.stat(f"{PLACE}/nothing") is None
        assert link.stat(f"{PLACE}/file/below") is None


def test_sizes_over_4_gib_where_the_phone_can(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        with phone.local("/data/local/tmp/big").open("wb") as file:
            file.truncate(5 << 30)
        found = way(phone).stat("/data/local/tmp/big")
        assert found is not None and found.size == 5 << 30


@generations
def test_a_missing_file_is_not_pulled(way: Way, tmp_path: Path, generation: str) -> None:
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        link = way(phone)
        with pytest.raises(PullFailed) as caught:
            link.pull(f"{PLACE}/nothing", deadline_s=10)
        assert "No such file or directory" in caught.value.why and caught.value.next
        assert link.run(("echo", "alive")).out == b"alive\n"


def test_a_pull_stops_at_its_limit(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        with phone.local("/data/local/tmp/big").open("wb") as file:
            file.truncate(5 << 30)
        with pytest.raises(PullFailed, match="longer than 1000000 bytes"):
            link.pull("/data/local/tmp/big", deadline_s=10, most=1_000_000)
        assert link.run(("echo", "alive")).out == b"alive\n"
        link.push(bytes(1000), "/data/local/tmp/small", deadline_s=10)
        assert len(link.pull("/data/local/tmp/small", deadline_s=10, most=1000)) == 1000


@generations
def test_a_push_below_a_file_is_refused_at_once(way: Way, tmp_path: Path, generation: str) -> None:
    """The phone says so while we are still sending; it is not left waiting for 20 MB."""
    with FakePhone(tmp_path, **GENERATIONS[generation]) as phone:
        link = way(phone)
        phone.local("/data/local/tmp/file").touch()
        with pytest.raises(PushFailed) as caught:
            link.push(bytes(20_000_000), "/data/local/tmp/file/below", deadline_s=10)
        assert "couldn't create file" in caught.value.why and caught.value.next
        assert link.run(("echo", "alive")).out == b"alive\n"


def test_a_path_that_no_adbd_takes(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        with pytest.raises(PushFailed) as caught:
            way(phone).push(b"", f"/data/local/tmp/{'x' * 1100}", deadline_s=10)
        assert "1024" in caught.value.why
