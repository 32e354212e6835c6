"""Turning what the file system says to our own writes into the one public error for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
