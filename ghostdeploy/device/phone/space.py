"""`df`: free space, in the formats of toybox (Android 6 and later), busybox, and the toolbox of before."""

from __future__ import annotations

import re

from ghostdeploy.device.phone.numbers import decimal

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
BLOCKS = re.compile(r"(\d+)([kKMG]?)-blocks", re.IGNORECASE)


def free_kb(text: str) -> int | None:
    """Free space in units of 1024 bytes, in what `df` printed of one file system; None for what is no such table."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for number, header in enumerate(lines):
        named = {word.lower(): column for column, word in enumerate(header)}
        column = next((named[word] for word in ("available", "avail", "free") if word in named), None)
        if column is not None:
            # A long device name pushes the rest of its row to the next line.
            row = [cell for line in lines[number + 1:number + 3] for cell in line]
            return _size(row[column], _unit(header)) if column < len(row) else None
    return None


def _unit(header: list[str]) -> int:
    """Bytes of one unit of a plain number: `1K-blocks`, `512-blocks`; 1024 where the header does not say."""
    blocks = next((found for word in header if (found := BLOCKS.fullmatch(word))), None)
    if blocks is None:
        return 1024
    count = decimal(blocks[1]) or 1
    return int(count) * UNITS[blocks[2].upper()]


def _size(cell: str, unit: int) -> int | None:
    found = re.fullmatch(r"([\d.]+)([KMGT]?)", cell)
    value = decimal(found[1]) if found else None
    if found is None or value is None or value < 0:
        return None
    return int(value * (UNITS[found[2]] if found[2] else unit)) // 1024
