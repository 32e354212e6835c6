"""Turning what the file system says to our own writes into the one public error for it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ghostdeploy.errors import WriteFailed


@contextmanager
def writing(where: Path | str, next: str) -> Iterator[None]:
    """Wrap our own writes to `where`, and nothing else: an OSError of other code in the block would be misnamed.

    Raises:
        WriteFailed: disk full, no permission, a name too long, ...
    """
    try:
        yield
    except OSError as error:
        # numpy raises an OSError without a number where a write was cut short.
        why = str(error) if error.errno is None else os.strerror(error.errno)
        raise WriteFailed(f"could not write {where}", why, next) from error


def temporary_directory() -> tempfile.TemporaryDirectory[str]:
    """A directory of ours that goes away with its block.

    Raises:
        WriteFailed: there is no room, or no place, for it.
    """
    with writing("a temporary directory", "free some space, or name another directory in TMPDIR"):
        return tempfile.TemporaryDirectory(prefix="ghostdeploy-")


def make_directory(path: Path) -> None:
    """Make a directory for output, and those above it; one that is there is left as it is.

    Raises:
        WriteFailed: see `writing`; a file stands in its place.
    """
    with writing(path, "choose another place with -o"):
        path.mkdir(parents=True, exist_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its target and rename it into place: it is there whole or not at all.

    Raises:
        WriteFailed: disk full, no permission, no such directory, or `path` is a device or another special file, which
            a renamed file would replace.
    """
    if path.exists() and not path.is_file():
        raise WriteFailed(f"cannot write {path}", "it is no regular file", "choose another file with -o")
    part = None
    try:
        with writing(path, "nothing was left behind; choose another file with -o"):
            with tempfile.NamedTemporaryFile("wb", dir=path.absolute().parent, prefix=f".{path.name}.",
                                             delete=False) as file:
                part = Path(file.name)
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(path)
    finally:
        if part is not None:
            with suppress(FileNotFoundError):
                part.unlink()


def write_json(path: Path, content: Any) -> None:
    """Write a JSON document, see `write_whole`; NaN and infinity, which JSON has not, are errors of the caller.

    Raises:
        WriteFailed: see there.
    """
    write_whole(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
