"""The directory of a bundle: whole or not at all, and nothing deleted that an export did not write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ghostdeploy.bundle import check_target, staged
from ghostdeploy.bundle.staging import write
from ghostdeploy.bundle.sums import listing
from ghostdeploy.errors import BundleExists, WriteFailed
from tests.disks import small_disk


def fill(directory: Path, created: str = "new") -> None:
    """As little as makes a directory a bundle of ours."""
    manifest = {"schema_version": 1, "created": created, "artifacts": [], "golden": {}, "tools": {"ghostdeploy": "0"}}
    write(directory / "manifest.json", json.dumps(manifest))
    write(directory / "SHA256SUMS", listing(directory))


def created(directory: Path) -> str:
    return str(json.loads((directory / "manifest.json").read_text())["created"])


def test_a_staged_directory_appears_whole(tmp_path: Path) -> None:
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging)
        assert not (tmp_path / "out").exists()
    assert created(tmp_path / "out") == "new"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whatever_ends_the_block_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), staged(tmp_path / "out", force=False) as staging:
        fill(staging)
        raise error
    assert os.listdir(tmp_path) == []


def test_a_failed_replacement_keeps_the_old_bundle(tmp_path: Path) -> None:
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging, "old")
    with pytest.raises(RuntimeError), staged(tmp_path / "out", force=True) as staging:
        fill(staging)
        raise RuntimeError
    assert created(tmp_path / "out") == "old"


def test_a_bundle_is_replaced_only_by_force(tmp_path: Path) -> None:
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging, "old")
    with pytest.raises(BundleExists, match="already holds a bundle"):
        check_target(tmp_path / "out", force=False)
    with staged(tmp_path / "out", force=True) as staging:
        fill(staging)
    assert created(tmp_path / "out") == "new"
    assert os.listdir(tmp_path) == ["out"]


def test_force_never_deletes_what_is_no_bundle(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    with pytest.raises(BundleExists, match="is no bundle"):
        check_target(home, force=True)
    assert (home / "thesis.tex").exists()


def test_force_never_deletes_somebody_elses_manifest(tmp_path: Path) -> None:
    """Browser extensions and web apps have a manifest.json too."""
    extension = tmp_path / "extension"
    extension.mkdir()
    (extension / "manifest.json").write_text('{"manifest_version": 3, "name": "mine", "version": "1.0"}')
    (extension / "background.js").write_text("work")
    with pytest.raises(BundleExists, match="is no bundle"), staged(extension, force=True):
        pass
    assert sorted(os.listdir(extension)) == ["background.js", "manifest.json"]


@pytest.mark.parametrize("lost", [False, True])
def test_force_never_deletes_files_that_no_export_wrote(tmp_path: Path, lost: bool) -> None:
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging, "old")
    (tmp_path / "out" / "notes").mkdir()
    (tmp_path / "out" / "notes" / "mine.txt").write_text("keep me")
    if lost:
        (tmp_path / "out" / "SHA256SUMS").unlink()
    with pytest.raises(BundleExists, match="besides a bundle") as caught, staged(tmp_path / "out", force=True):
        pass
    assert "notes/mine.txt" in caught.value.why and (tmp_path / "out" / "notes" / "mine.txt").exists()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with staged(tmp_path / "link", force=False) as staging:
        fill(staging)
    assert (tmp_path / "link").is_symlink() and created(tmp_path / "real") == "new"
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_an_error_of_the_users_own_code_is_not_called_a_write(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="embeddings"), staged(tmp_path / "a" / "b" / "out", force=False):
        (tmp_path / "embeddings.bin").read_bytes()
    assert os.listdir(tmp_path) == []       # nor do the directories stay that were made on the way


def test_what_cannot_be_made_leaves_no_directories(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed), staged(tmp_path / "a" / ("long" * 80), force=False):
        raise AssertionError("nothing to write into")
    assert os.listdir(tmp_path) == []


def test_a_directory_that_others_use_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged(tmp_path / "a" / "out", force=False):
        (tmp_path / "a" / "theirs.txt").write_text("hands off")
        raise RuntimeError
    assert os.listdir(tmp_path / "a") == ["theirs.txt"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(5, "Input/output error")])
def test_a_stop_between_the_two_renames_keeps_the_old_bundle(tmp_path: Path, stop: BaseException,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging, "old")
    rename = Path.rename

    def stopped(self: Path, target: Path) -> Path:
        if ".partial-" in self.name:
            raise stop
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises((KeyboardInterrupt, WriteFailed)), staged(tmp_path / "out", force=True) as staging:
        fill(staging)
    assert created(tmp_path / "out") == "old" and os.listdir(tmp_path) == ["out"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BundleExists):
        check_target(tmp_path / "out", force=True)


def test_an_empty_directory_is_fine(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging)
    assert (tmp_path / "out" / "manifest.json").exists()


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path, "1m") as disk:
        with (pytest.raises(WriteFailed, match="could not write") as caught,
              staged(disk / "out", force=False) as staging):
            write(staging / "model.pte", bytes(2 << 20))
        assert "No space left" in caught.value.why
        assert os.listdir(disk) == []
