"""A pinned npm package: its archive, fetched once, verified, then always from the cache.

In the cache: `npm/PACKAGE-VERSION/package.tgz`, as fetched. It is hashed again whenever it is used; a damaged one is
fetched again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.digest import sha256
from ghostdeploy.errors import FetchFailed
from ghostdeploy.registry import npm

TARBALL = "package.tgz"


@dataclass(frozen=True)
class Package:
    """One version of a package; `sha256` and `size` are those of its archive."""

    name: str
    version: str
    sha256: str
    size: int


def tarball(package: Package) -> Path:
    """The verified archive of `package`, fetched if this machine does not have it yet.

    Raises:
        FetchFailed: it is not in the cache and cannot be fetched, or what came has the wrong hash.
        WriteFailed: the cache cannot be written.
    """
    directory = cache_root() / "npm" / f"{package.name}-{package.version}"
    path = directory / TARBALL
    if holds(path, package.sha256, package.size):
        return path
    shutil.rmtree(directory, ignore_errors=True)
    with appearing(directory) as scratch:
        fetched = npm.pack(package.name, package.version, scratch)
        if not holds(fetched, package.sha256, package.size):
            raise not_pinned(package, f"{fetched.stat().st_size} bytes came, with another hash than the pinned one")
        fetched.rename(scratch / TARBALL)
    return path


def holds(path: Path, wanted: str, size: int) -> bool:
    """Is there a file of `size` bytes with the sha256 `wanted`?"""
    try:
        return path.stat().st_size == size and sha256(path) == wanted
    except OSError:
        return False


def not_pinned(package: Package, why: str) -> FetchFailed:
    """The error for a package that is not what was pinned."""
    return FetchFailed(f"what came as {package.name} {package.version} is not the pinned package", why,
                       "nothing of it was kept or used; check which registry `npm config get registry` names")
