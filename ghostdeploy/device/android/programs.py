"""The built benchmark programs: those that came with the package, else built once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.device.android import build
from ghostdeploy.device.android.cache import appearing, cache_root
from ghostdeploy.device.android.pinned import Abi, RuntimeName
from ghostdeploy.resources import folder


@dataclass(frozen=True)
class PhoneFile:
    """A file to push to a phone, with the hash by which the phone's copy is checked."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class PhoneProgram:
    """A benchmark program, and the libraries that must stand beside it besides the runtime itself."""

    program: PhoneFile
    beside: tuple[PhoneFile, ...]


def phone_program(runtime: RuntimeName, abi: Abi) -> PhoneProgram:
    """The program that measures `runtime` on `abi`.

    Raises:
        RunnerMissing: it did not come with this package, and cannot be built here.
        FetchFailed, WriteFailed: building needs the runtimes' headers, or the cache, and does not get them.
    """
    key = build.source_key()
    shipped, cached = folder("android_bench") / "built" / abi, cache_root() / "runner" / key / abi
    for directory in (shipped, cached):
        if (files := _whole(directory, key)) is not None:
            return _chosen(files, runtime)
    with appearing(cached) as scratch:
        build.build(abi, scratch)
    files = _whole(cached, key)
    assert files is not None     # just built from these very sources
    return _chosen(files, runtime)


def _chosen(files: dict[str, PhoneFile], runtime: RuntimeName) -> PhoneProgram:
    beside = (files[build.FBJNI],) if runtime == "executorch" else ()
    return PhoneProgram(files[build.PROGRAMS[runtime]], beside)


def _whole(directory: Path, key: str) -> dict[str, PhoneFile] | None:
    """The files of a built directory; None where there is none, or it is of other sources, or a file is damaged."""
    try:
        index = json.loads((directory / build.INDEX).read_text())
        if index["sources"] != key:
            return None
        files = {str(name): PhoneFile(directory / name, str(sha256)) for name, sha256 in index["files"].items()}
        whole = all(hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256 for file in files.values())
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return files if whole else None
