"""The user's cache directory, and putting things there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ghostdeploy.errors import WriteFailed


def cache_root() -> Path:
    """`$GHOSTDEPLOY_CACHE`, else `ghostdeploy` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if own := os.environ.get("GHOSTDEPLOY_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "ghostdeploy"


@contextmanager
def appearing(directory: Path) -> Iterator[Path]:
    """A scratch directory that becomes `directory` when the block ends well, and vanishes when it does not.

    Where someone else was faster, theirs stays: what is stored is the same by construction.

    Raises:
        WriteFailed: the cache cannot be written (disk full, no permission).
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".part-", dir=directory.parent))
    except OSError as error:
        raise _unwritable(directory, error) from error
    try:
        yield scratch
        scratch.chmod(0o755)
        with suppress(FileExistsError):
            _rename(scratch, directory)
    except OSError as error:
        raise _unwritable(directory, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _rename(scratch: Path, directory: Path) -> None:
    try:
        scratch.rename(directory)
    except OSError:
        if not directory.is_dir():
            raise


def _unwritable(directory: Path, error: OSError) -> WriteFailed:
    return WriteFailed(f"cannot write {directory.name} into the cache", str(error),
                       f"free space or permission is needed under {cache_root()}; or set GHOSTDEPLOY_CACHE")
