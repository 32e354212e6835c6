"""The built programs: the same bytes from any folder, and what a phone's loader wants of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from ghostdeploy.cache import cache_root
from ghostdeploy.device.android import build, elf, store
from ghostdeploy.device.android.pinned import ABIS, Abi
from ghostdeploy.device.android.programs import built_here
from ghostdeploy.resources import folder

PAGE = 16384


def parsed(path: Path) -> elf.Elf:
    return elf.parse(path.read_bytes())


@pytest.fixture(scope="module", params=ABIS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Abi, Path]:
    """A build of this session, in a folder of its own."""
    directory = tmp_path_factory.mktemp("built")
    build.build(request.param, directory)
    return request.param, directory


def test_the_same_bytes_every_time(built: tuple[Abi, Path], tmp_path: Path) -> None:
    """Another folder, with a longer name; and whatever the cache holds from another day."""
    abi, directory = built
    again = tmp_path / "in another folder" / "with a longer name"
    again.mkdir(parents=True)
    build.build(abi, again)
    files = sorted(path.name for path in directory.iterdir())
    assert files == sorted([build.INDEX, build.FBJNI, *build.PROGRAMS.values()])
    for name in files:
        assert (directory / name).read_bytes() == (again / name).read_bytes(), name
    for name, file in built_here(abi).items():
        assert file.path.read_bytes() == (directory / name).read_bytes(), name


def test_nothing_of_this_machine_is_inside(built: tuple[Abi, Path]) -> None:
    _, directory = built
    for path in directory.iterdir():
        for trace in (str(Path.home()), str(folder("android_bench")), "ghostdeploy-build-", "site-packages"):
            assert trace.encode() not in path.read_bytes(), (path.name, trace)


def test_what_the_loader_wants(built: tuple[Abi, Path]) -> None:
    abi, directory = built
    for name in build.PROGRAMS.values():
        program = parsed(directory / name)
        assert (program.abi, program.position_independent, program.android_api) == (abi, True, 26)
        assert program.page_alignment == PAGE
        assert program.interpreter == "/system/bin/linker64"
        assert program.runpath == "$ORIGIN"
        # The parts must also lie apart in memory as a 16 KB page needs it.
        assert all((load.address - load.offset) % PAGE == 0 for load in program.loads)
    assert parsed(directory / build.PROGRAMS["tflite"]).needed == ("libc.so", "libdl.so")
    assert parsed(directory / build.PROGRAMS["executorch"]).needed == ("libexecutorch_jni.so", build.FBJNI, "libc.so",
                                                                       "libdl.so")
    assert parsed(directory / build.FBJNI).page_alignment == PAGE


def test_every_import_is_provided(built: tuple[Abi, Path]) -> None:
    """By bionic since API 26, as listed, or by the runtime."""
    abi, directory = built
    listed = {name for line in (folder("android_bench") / "bionic" / "libc.txt").read_text().splitlines()
              if not line.startswith("#") for name in line.split()[1:]}
    library = parsed(store.runtime_library("executorch", abi).path)
    beside = parsed(directory / build.FBJNI)
    assert parsed(directory / build.PROGRAMS["tflite"]).imports <= listed
    own = parsed(directory / build.PROGRAMS["executorch"]).imports
    assert own <= listed | set(library.exports)
    assert own & set(library.exports)
    assert {name for name in library.imports if build.FBJNI_NAMES in name} <= set(beside.exports)


def test_the_index_tells_the_truth(built: tuple[Abi, Path]) -> None:
    _, directory = built
    index = json.loads((directory / build.INDEX).read_text())
    assert index["sources"] == build.source_key()
    for name, sha256 in index["files"].items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == sha256


def test_a_damaged_cache_is_built_again(built: tuple[Abi, Path], monkeypatch: pytest.MonkeyPatch,
                                        tmp_path: Path) -> None:
    abi, directory = built
    (tmp_path / "npm").symlink_to(cache_root() / "npm")
    cached = tmp_path / "runner" / build.source_key() / abi
    shutil.copytree(directory, cached)
    monkeypatch.setenv("GHOSTDEPLOY_CACHE", str(tmp_path))
    name = build.PROGRAMS["tflite"]
    assert built_here(abi)[name].path == cached / name
    (cached / name).write_bytes(b"damaged")
    assert built_here(abi)[name].path.read_bytes() == (directory / name).read_bytes()
