"""The store of pinned runtimes: fetched once, verified outside and inside, then always from the cache.

In the cache: `runtimes/SHA256/LIBRARY`, unpacked from the package's archive. Both are hashed again whenever they are
used; a damaged one is made again.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.device.android.pinned import Abi, RuntimeName, pinned
from ghostdeploy.registry.archives import ArchiveError, tar_member, unpack_folder
from ghostdeploy.registry.package import holds, not_pinned, tarball


@dataclass(frozen=True)
class RuntimeLibrary:
    """A library on this machine, to be pushed to a phone under the name `soname`.

    `version` is what the library or its package says; `origin` where it comes from, in words for a report.
    """

    name: RuntimeName
    abi: Abi
    path: Path
    soname: str
    version: str
    sha256: str
    origin: str


def runtime_library(name: RuntimeName, abi: Abi) -> RuntimeLibrary:
    """The pinned library of runtime `name` for `abi`, fetched if this machine does not have it yet.

    Raises:
        FetchFailed: it is not in the cache and cannot be fetched, or what came has the wrong hash.
        WriteFailed: the cache cannot be written.
    """
    runtime = pinned(name)
    file = runtime.libraries[abi]
    directory = cache_root() / "runtimes" / file.sha256
    path = directory / runtime.library
    if not holds(path, file.sha256, file.size):
        shutil.rmtree(directory, ignore_errors=True)
        packed = tarball(runtime.archive)
        try:
            data = tar_member(packed, file.member, file.size)
        except ArchiveError as error:
            raise not_pinned(runtime.archive, str(error)) from error
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise not_pinned(runtime.archive, f"{file.member} has another hash than the pinned one")
        with appearing(directory) as scratch:
            (scratch / runtime.library).write_bytes(data)
    return RuntimeLibrary(name, abi, path, runtime.library, runtime.runtime_version, file.sha256,
                          f"npm {runtime.archive.name} {runtime.archive.version}")


def cached(name: RuntimeName, abi: Abi) -> Path | None:
    """The pinned library of `name` for `abi`, if this machine has it, whole; nothing is fetched."""
    runtime = pinned(name)
    file = runtime.libraries[abi]
    path = cache_root() / "runtimes" / file.sha256 / runtime.library
    return path if holds(path, file.sha256, file.size) else None


def unpack_headers(name: RuntimeName, into: Path) -> None:
    """Write the headers of runtime `name` into the directory `into`.

    Raises:
        FetchFailed, WriteFailed: as `runtime_library`.
    """
    runtime = pinned(name)
    try:
        unpack_folder(tarball(runtime.archive), runtime.headers, into)
    except ArchiveError as error:
        raise not_pinned(runtime.archive, str(error)) from error
