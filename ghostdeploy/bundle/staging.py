"""Directories that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ghostdeploy.errors import BundleExists, WriteFailed

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"

# What a file system says when it cannot take a file; any other OSError is not about writing and goes on as it is.
WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR,
                errno.ENAMETOOLONG, errno.EIO, errno.ENOENT}


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_target(directory: Path, *, force: bool) -> None:
    """Refuse a target that must not be written, before any work is done.

    `--force` replaces a bundle, never anything else: a directory without a manifest is not ours to delete.

    Raises:
        BundleExists: the target exists and may not be replaced.
    """
    if not directory.exists():
        return
    if directory.is_dir() and not any(directory.iterdir()):
        return
    if not (directory / MANIFEST).is_file():
        raise BundleExists(f"{directory} exists and is no bundle", "it holds files that ghostdeploy did not write",
                           "choose another directory with -o")
    if not force:
        raise BundleExists(f"{directory} already holds a bundle", "an export never overwrites one by itself",
                           "add --force to replace it, or choose another directory with -o")


@contextmanager
def staged(directory: Path, *, force: bool) -> Iterator[Path]:
    """A fresh directory beside the target that becomes the target when the block ends well, else vanishes.

    Raises:
        BundleExists: see `check_target`.
        WriteFailed: a write inside the block or the final rename failed (disk full, no permission).
    """
    check_target(directory, force=force)
    target = directory.absolute()
    staging = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        staging.mkdir(parents=True)
        yield staging
        _publish(staging, target)
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        raise WriteFailed(f"could not write {directory}", os.strerror(error.errno),
                          "nothing was left behind; free some space or choose another directory with -o") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _publish(staging: Path, target: Path) -> None:
    """Rename into place; what stood there stays until the new one does."""
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    if target.exists():
        target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_sums(directory: Path) -> None:
    """`SHA256SUMS` over every file of `directory`, in the format of sha256sum(1)."""
    files = sorted(p for p in directory.rglob("*") if p.is_file() and p.name != SUMS)
    lines = [f"{sha256(p)}  {p.relative_to(directory).as_posix()}\n" for p in files]
    (directory / SUMS).write_text("".join(lines))
