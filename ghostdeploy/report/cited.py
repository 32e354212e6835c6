"""A published number with a mark for its source, as tables show it. Imports nothing heavy: `models` answers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostdeploy.zoo import Published


def cited(entry: Published, sources: dict[str, int]) -> str:
    """The value, ~ where its source gives it as a difference, and the source's number; a new source gets the next."""
    on = f"{entry.source}; {entry.device}" if entry.device else entry.source
    value = f"{entry.value:.2f}" if entry.quantity.endswith("_ms") else f"{entry.value:.1f}"
    return f"{'~' if entry.derived else ''}{value}{mark(on, sources)}"


def mark(source: str, sources: dict[str, int]) -> str:
    """The source's number in brackets."""
    return f" [{sources.setdefault(source, len(sources) + 1)}]"
