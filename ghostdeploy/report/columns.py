"""The one look of tables on a terminal: names first, then numbers."""

from __future__ import annotations

from rich import box
from rich.table import Table


def columns(first: str, *numbers: str) -> Table:
    """A table without rows. In a narrow terminal names give way, over several lines and whole; numbers never."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table
