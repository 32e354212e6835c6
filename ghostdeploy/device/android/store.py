"""The store of pinned runtimes: fetched once, verified outside and inside, then always from the cache.

In the cache: `npm/PACKAGE-VERSION/package.tgz`, as fetched, and `runtimes/SHA256/LIBRARY`, unpacked from it. Both are
hashed again whenever they are used; a damaged one is made again.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.device.android import npm
from ghostdeploy.device.android.archives import ArchiveError, tar_member, unpack_folder
from ghostdeploy.device.android.pinned import Abi, PinnedRuntime, RuntimeName, pinned
from ghostdeploy.phone_errors import FetchFailed

TARBALL = "package.tgz"


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
    if not _is(path, file.sha256, file.size):
        shutil.rmtree(directory, ignore_errors=True)
        tarball = package_tarball(runtime)
        try:
            data = tar_member(tarball, file.member, file.size)
        except ArchiveError as error:
            raise _wrong(runtime, str(error)) from error
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise _wrong(runtime, f"{file.member} has another hash than the pinned one")
        with appearing(directory) as scratch:
            (scratch / runtime.library).write_bytes(data)
    return RuntimeLibrary(name, abi, path, runtime.library, runtime.runtime_version, file.sha256,
                          f"npm {runtime.package} {runtime.version}")


def cached(name: RuntimeName, abi: Abi) -> Path | None:
    """The pinned library of `name` for `abi`, if this machine has it, whole; nothing is fetched."""
    runtime = pinned(name)
    file = runtime.libraries[abi]
    path = cache_root() / "runtimes" / file.sha256 / runtime.library
    return path if _is(path, file.sha256, file.size) else None


def package_tarball(runtime: PinnedRuntime) -> Path:
    """The verified tarball of `runtime`, fetched if this machine does not have it yet.

    Raises:
        FetchFailed, WriteFailed: as `runtime_library`.
    """
    directory = cache_root() / "npm" / f"{runtime.package}-{runtime.version}"
    path = directory / TARBALL
    if _is(path, runtime.sha256, runtime.size):
        return path
    shutil.rmtree(directory, ignore_errors=True)
    with appearing(directory) as scratch:
        fetched = npm.pack(runtime.package, runtime.version, scratch)
        if not _is(fetched, runtime.sha256, runtime.size):
            raise _wrong(runtime, f"{fetched.stat().st_size} bytes came, with another hash than the pinned one")
        fetched.rename(scratch / TARBALL)
    return path


def unpack_headers(name: RuntimeName, into: Path) -> None:
    """Write the headers of runtime `name` into the directory `into`.

    Raises:
        FetchFailed, WriteFailed: as `runtime_library`.
    """
    runtime = pinned(name)
    try:
        unpack_folder(package_tarball(runtime), runtime.headers, into)
    except ArchiveError as error:
        raise _wrong(runtime, str(error)) from error


def _is(path: Path, sha256: str, size: int) -> bool:
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _wrong(runtime: PinnedRuntime, why: str) -> FetchFailed:
    return FetchFailed(f"what came as {runtime.package} {runtime.version} is not the pinned package", why,
                       "nothing of it was kept or used; check which registry `npm config get registry` names")
