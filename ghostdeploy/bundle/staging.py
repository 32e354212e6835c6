"""Directories that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ghostdeploy.bundle.sums import strangers
from ghostdeploy.errors import BundleExists
from ghostdeploy.writing import writing

MANIFEST = "manifest.json"
NEXT = "nothing was left behind; free some space or choose another directory with -o"


def check_target(directory: Path, *, force: bool) -> None:
    """Refuse a target that must not be written, before any work is done.

    `--force` replaces a bundle, never anything else: a directory without a manifest of ours, or with files that no
    export wrote, is not ours to delete.

    Raises:
        BundleExists: the target exists and may not be replaced.
    """
    if not directory.exists():
        return
    if directory.is_dir() and not any(directory.iterdir()):
        return
    if not _is_bundle(directory):
        raise BundleExists(f"{directory} exists and is no bundle", "it holds files that ghostdeploy did not write",
                           "choose another directory with -o")
    others = strangers(directory)
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise BundleExists(f"{directory} holds files besides a bundle",
                           f"no export wrote {', '.join(others[:3])}{more}",
                           "move them away, or choose another directory with -o")
    if not force:
        raise BundleExists(f"{directory} already holds a bundle", "an export never overwrites one by itself",
                           "add --force to replace it, or choose another directory with -o")


def _is_bundle(directory: Path) -> bool:
    """Did an export, of whatever version, write the manifest? Others name their manifests like that too."""
    try:
        document = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return (isinstance(document, dict) and {"schema_version", "artifacts", "golden"} <= set(document)
            and isinstance(document.get("tools"), dict) and "ghostdeploy" in document["tools"])


def write(path: Path, content: bytes | str) -> None:
    """Write one file of a bundle; text as UTF-8.

    Raises:
        WriteFailed: the file system does not take it.
    """
    with writing(path.name, NEXT):
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def staged(directory: Path, *, force: bool) -> Iterator[Path]:
    """A fresh directory beside the target that becomes the target when the block ends well, else vanishes.

    Files in the block are written with `write`: it, not the block, knows which OSError is about writing.

    Raises:
        BundleExists: see `check_target`.
        WriteFailed: the directory cannot be made or renamed.
    """
    check_target(directory, force=force)
    target = directory.resolve()      # where it is a link, what it leads to is replaced and the link stays
    staging = target.with_name(f".{target.name}.partial-{os.getpid()}")
    made = [parent for parent in target.parents if not parent.exists()]      # deepest first
    try:
        with writing(directory, NEXT):
            staging.mkdir(parents=True)
        yield staging
        with writing(directory, NEXT):
            _publish(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        for parent in made:
            with suppress(OSError):     # not empty: the bundle, or something that another program put there
                parent.rmdir()


def _publish(staging: Path, target: Path) -> None:
    """Rename into place; what stood there stays until the new one does, however this ends."""
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    try:
        if target.exists():
            target.rename(old)
        staging.rename(target)
    except BaseException:       # Ctrl-C between the two renames as well
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    finally:
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
