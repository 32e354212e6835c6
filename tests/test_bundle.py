"""Bundles: whole or not at all, validated, and never outside their own directory."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ghostdeploy import schemas
from ghostdeploy.bundle import check_target, open_bundle, staged
from ghostdeploy.errors import BundleExists, BundleInvalid, FileMissing, WriteFailed
from tests.disks import small_disk


def fill(directory: Path, text: str = "new") -> None:
    (directory / "manifest.json").write_text(text)


def test_a_staged_directory_appears_whole(tmp_path: Path) -> None:
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging)
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "manifest.json").read_text() == "new"
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
    assert (tmp_path / "out" / "manifest.json").read_text() == "old"


def test_a_bundle_is_replaced_only_by_force(tmp_path: Path) -> None:
    with staged(tmp_path / "out", force=False) as staging:
        fill(staging, "old")
    with pytest.raises(BundleExists, match="already holds a bundle"):
        check_target(tmp_path / "out", force=False)
    with staged(tmp_path / "out", force=True) as staging:
        fill(staging)
    assert (tmp_path / "out" / "manifest.json").read_text() == "new"
    assert os.listdir(tmp_path) == ["out"]


def test_force_never_deletes_what_is_no_bundle(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    with pytest.raises(BundleExists, match="is no bundle"):
        check_target(home, force=True)
    assert (home / "thesis.tex").exists()


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
            (staging / "model.pte").write_bytes(bytes(2 << 20))
        assert "No space left" in caught.value.why
        assert os.listdir(disk) == []


def test_schemas_are_valid_schemas() -> None:
    for schema in (schemas.manifest(), schemas.result()):
        Draft202012Validator.check_schema(schema)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        open_bundle(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": 2}', "\x00\x01", '{"schema_version": 1}'])
def test_a_hostile_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BundleInvalid):
        open_bundle(tmp_path)


def test_a_directory_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="is no bundle"):
        open_bundle(tmp_path)


@pytest.fixture
def copied(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle that a test may spoil."""
    target = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(tiny_bundle), str(target)], check=True)
    return target


def test_a_good_bundle_opens(copied: Path) -> None:
    bundle = open_bundle(copied)
    assert {a.format for a in bundle.artifacts} == {"pte", "tflite"}
    assert bundle.labels is not None and len(bundle.labels) == 7
    Draft202012Validator(schemas.manifest()).validate(bundle.manifest)


def test_every_file_is_in_the_sums_and_right(copied: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=copied, check=True)
    listed = {line.split("  ")[1] for line in (copied / "SHA256SUMS").read_text().splitlines()}
    present = {p.relative_to(copied).as_posix() for p in copied.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    assert listed == present


def test_a_changed_artifact_is_noticed(copied: Path) -> None:
    file = copied / "model.fp32.tflite"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BundleInvalid, match="not the file that was exported"):
        open_bundle(copied)


@pytest.mark.parametrize("name", ["model.fp32.pte", "labels.txt", "golden/input.npy", "golden/output.npy"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleInvalid, match=name.replace(".", r"\.")):
        open_bundle(copied)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "golden/../../x"])
def test_a_manifest_cannot_point_outside(copied: Path, name: str) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["artifacts"][0]["file"] = name
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleInvalid, match="outside the bundle"):
        open_bundle(copied)
