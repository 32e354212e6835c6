"""Result files on disk, read as if a stranger had made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ghostdeploy.errors import FileMissing, FileUnreadable, ResultInvalid

LARGEST = 256 << 20     # bytes; a thousand rounds of ten thousand runs take 100 MB, and nothing of ours is larger


def read(path: Path) -> Any:
    """Parse a result file.

    Raises:
        FileMissing, FileUnreadable: there is no such file, or it cannot be read.
        ResultInvalid: it is no JSON, or larger than a result can be.
    """
    if not path.exists():
        raise FileMissing(f"no such result: {path}", "", "make one with `ghostdeploy bench -o`")
    if not path.is_file():
        raise FileUnreadable(f"{path} is no file", "", "name a file that `ghostdeploy bench -o` wrote")
    try:
        if path.stat().st_size > LARGEST:
            raise invalid(path, f"it is larger than {LARGEST >> 20} MiB")
        return json.loads(path.read_text(), parse_constant=_refuse_constant)
    except OSError as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise invalid(path, f"{type(error).__name__}: {error}") from error


def invalid(path: str | Path, why: str) -> ResultInvalid:
    """The error for a file that is no result."""
    return ResultInvalid(f"{path} is no result of ghostdeploy", why, "make one with `ghostdeploy bench -o`")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
