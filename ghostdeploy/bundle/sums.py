"""`SHA256SUMS`: every file of a bundle and its hash, in the format of sha256sum(1)."""

from __future__ import annotations

import re
from pathlib import Path

from ghostdeploy.digest import sha256

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def listing(directory: Path) -> str:
    """The text of `SHA256SUMS` over every other file of `directory`."""
    files = sorted(p for p in directory.rglob("*") if p.is_file() and p.name != SUMS)
    return "".join(f"{sha256(p)}  {p.relative_to(directory).as_posix()}\n" for p in files)


def read_sums(directory: Path) -> dict[str, str]:
    """File name inside the bundle -> hash.

    Raises:
        OSError: there is no `SHA256SUMS`, or it cannot be read.
        ValueError: it holds something else.
    """
    sums = {}
    for line in (directory / SUMS).read_text(encoding="utf-8").splitlines():
        found = LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"no line of sha256sum: {line[:100]}")
        sums[found[2]] = found[1]
    return sums


def strangers(directory: Path) -> list[str]:
    """Files and links under `directory` that its `SHA256SUMS` does not name: nothing that an export wrote."""
    try:
        ours = {*read_sums(directory), SUMS}
    except (OSError, ValueError):
        ours = set()
    entries = (p for p in directory.rglob("*") if p.is_symlink() or not p.is_dir())
    return sorted(name for p in entries if (name := p.relative_to(directory).as_posix()) not in ours)
