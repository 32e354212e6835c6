"""Where the time goes, as tables: blocks with the artifacts of a bundle side by side, then kinds of operators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ghostdeploy.benchmark.result import Result
from ghostdeploy.profiling.record import Profile

UNATTRIBUTED, WHOLE = "unattributed", "whole"


@dataclass(frozen=True)
class Cell:
    """Milliseconds of one inference, and the share of it."""

    ms: float
    share: float


@dataclass(frozen=True)
class Table:
    """Rows of cells, a column per artifact; None where an artifact has no such row. The last rows close the sum."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    notes: tuple[str, ...]


def tables(results: Sequence[Result], names: Sequence[str]) -> Iterator[Table]:
    """Every table that the profiles of `results` give; none without profiles."""
    profiled = [(name, result.model.bundle, result.profile) for name, result in zip(names, results, strict=True)
                if result.profile is not None]
    for bundle in dict.fromkeys(bundle for _, bundle, _ in profiled):
        group = [(name, profile) for name, owner, profile in profiled if owner == bundle]
        withheld = tuple(f"{name}: {note}" for name, profile in group for note in profile.notes)
        blocked = [(name, profile) for name, profile in group if profile.blocks]
        if blocked:
            yield _table(f"{bundle}, by block", blocked, [{each.block: each.ms for each in profile.blocks}
                                                          for _, profile in blocked], withheld)
        for name, profile in group:
            if profile.operators:
                kinds = {f"{each.operator} ×{each.count}": each.ms for each in profile.operators}
                yield _table(f"{name}, by operator", [(name, profile)], [kinds], () if blocked else withheld)


def parted(table: Table, most: int) -> Iterator[Table]:
    """The table, or several of the same rows with at most `most` artifacts each; notes stand under the last."""
    for start in range(0, len(table.columns), most):
        own = slice(start, start + most)
        rows = tuple((row, cells[own]) for row, cells in table.rows)
        yield Table(table.title, table.columns[own], rows, table.notes if start + most >= len(table.columns) else ())


def _table(title: str, group: Sequence[tuple[str, Profile]], times: Sequence[dict[str, float]],
           notes: tuple[str, ...]) -> Table:
    wholes = [profile.whole_ms for _, profile in group]
    names = dict.fromkeys(name for column in times for name in column)
    rows: list[tuple[str, Sequence[float | None]]] = [(name, [column.get(name) for column in times]) for name in names]
    rows += (UNATTRIBUTED, [profile.unattributed_ms for _, profile in group]), (WHOLE, wholes)
    return Table(title, tuple(name for name, _ in group), tuple(
        (row, tuple(None if ms is None else Cell(ms, ms / whole) for ms, whole in zip(values, wholes, strict=True)))
        for row, values in rows), notes)
