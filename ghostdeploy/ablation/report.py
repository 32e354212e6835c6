"""What a table of ablations came to, beside what the paper found: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ghostdeploy.ablation.grid import Grid
from ghostdeploy.ablation.outcome import Outcome, Row
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training_errors import ResumeMismatch

SCHEMA_VERSION = 2


def json_file(directory: Path, grid: Grid) -> Path:
    """Where a table's document stands, and what is kept of its runs."""
    return directory / f"{grid.name}.json"


def kept(directory: Path, grid: Grid) -> dict[str, Outcome]:
    """By identity, how the runs ended that were made there, of this table and of others: they have cells in common.

    Raises:
        ResumeMismatch: this table's own document cannot be read, and would be lost.
    """
    own = json_file(directory, grid)
    found: dict[str, Outcome] = {}
    for path in sorted(directory.glob("*.json")):
        try:
            found |= _runs(path)
        except (OSError, ValueError, TypeError, KeyError) as error:
            if path == own:     # another file is none of ours to judge: it only has nothing to share
                raise ResumeMismatch(f"{path} holds no runs that can be gone on from", str(error),
                                     "move it away, or choose another directory with -o") from error
    return found


def _runs(path: Path) -> dict[str, Outcome]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version is {found['schema_version']}, wanted {SCHEMA_VERSION}")
    return {entry["identity"]: Outcome(**entry) for entry in found["runs"]}


def document(grid: Grid, recipe: Recipe, rows: Sequence[Row], seeds: int, runs: Collection[Outcome]) -> dict[str, Any]:
    """As `--json` prints it; top-1 in shares, None where nothing was measured. `runs` are all that were ever made."""
    return {"schema_version": SCHEMA_VERSION, "table": grid.name, "title": grid.title, "source": grid.source,
            "recipe": recipe.name, "data": recipe.data.set, "seeds": seeds, "findings": list(grid.findings),
            "cells": [{"labels": dict(zip((axis.name for axis in grid.axes), row.cell.labels, strict=True)),
                       "settings": list(row.cell.settings), "top1": list(row.top1), "mean": _number(row.mean),
                       "spread": _number(row.spread), "diverged": len(row.outcomes) - len(row.top1),
                       "published_top1": row.cell.published} for row in rows],
            "runs": [asdict(run) for run in runs]}


def markdown(grid: Grid, recipe: Recipe, rows: Sequence[Row], seeds: int) -> str:
    """A table with a row a cell; ours and the paper's are not to be compared in size, only in order."""
    part, axes = recipe.optimisation, [axis.name for axis in grid.axes]
    best = max((row.mean for row in rows if row.top1), default=math.nan)
    lines = [f"# {grid.title}", "",
             f"Recipe `{recipe.name}`: {recipe.model.card} at {recipe.data.size} pixels on {recipe.data.set}, "
             f"{part.epochs} epochs, batch {part.batch}; up to {seeds} seeds. Top-1 of averaged weights on the test "
             "images, mean ± standard deviation over seeds; the best mean is bold.", "",
             f"| {' | '.join(axes)} | top-1 % here | seeds | top-1 % in the paper |",
             f"|{'---|' * len(axes)}---:|---:|---:|"]
    for row in rows:
        published = "" if row.cell.published is None else f"{row.cell.published:g}"
        lines.append(f"| {' | '.join(row.cell.labels)} | {_ours(row, best)} | {len(row.outcomes)} | {published} |")
    lines += ["", f"What the paper found ({grid.source}):", "", *(f"- {finding}" for finding in grid.findings), ""]
    return "\n".join(lines)


def _ours(row: Row, best: float) -> str:
    diverged = len(row.outcomes) - len(row.top1)
    said = [f"{diverged} diverged"] if diverged else []
    if row.top1:
        spread = "" if math.isnan(row.spread) else f" ± {100 * row.spread:.2f}"
        number = f"{100 * row.mean:.2f}{spread}"
        said.insert(0, f"**{number}**" if row.mean == best else number)
    return ", ".join(said)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
