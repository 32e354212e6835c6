"""The built benchmark programs: those that came with the package, else built once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.device.android import build
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
    shipped = whole(folder("android_bench") / "built" / abi, build.source_key())
    files = built_here(abi) if shipped is None else shipped
    beside = (files[build.FBJNI],) if runtime == "executorch" else ()
    return PhoneProgram(files[build.PROGRAMS[runtime]], beside)


def ready(abi: Abi) -> bool:
    """Whether the programs for `abi` came with this package, or are in the cache; nothing is built."""
    key = build.source_key()
    places = (folder("android_bench") / "built" / abi, cache_root() / "runner" / key / abi)
    return any(whole(place, key) is not None for place in places)


def built_here(abi: Abi) -> dict[str, PhoneFile]:
    """Everything for `abi`, by file name, out of the cache; built first where that has none, or a damaged one.

    Raises:
        RunnerMissing, FetchFailed, WriteFailed: as `phone_program`.
    """
    key = build.source_key()
    directory = cache_root() / "runner" / key / abi
    if (files := whole(directory, key)) is not None:
        return files
    shutil.rmtree(directory, ignore_errors=True)
    with appearing(directory) as scratch:
        build.build(abi, scratch)
    files = whole(directory, key)
    assert files is not None     # just built from these very sources
    return files


def whole(directory: Path, key: str) -> dict[str, PhoneFile] | None:
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
