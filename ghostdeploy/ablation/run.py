"""Runs every cell of a table with every seed; what is done is kept, what was killed goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ghostdeploy.ablation import report
from ghostdeploy.ablation.grid import Cell, Grid
from ghostdeploy.ablation.outcome import Outcome, Row
from ghostdeploy.datasets.fetched import open_set
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.training import recipe_file, state
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training.run import train
from ghostdeploy.training.trainer import Watch
from ghostdeploy.training_errors import TrainingDiverged
from ghostdeploy.writing import make_directory, write_json, write_whole


def ablate(grid: Grid, directory: Path, *, recipe: str | None = None, seeds: int = 3, settings: Sequence[str] = (),
           data: Path | None = None, minutes: float | None = None, workers: int | None = None,
           progress: Progress = SILENT, watch: Watch = lambda _: None) -> list[Row]:
    """Train every cell of `grid` with `seeds` seeds; `directory` holds TABLE.json and TABLE.md after every run.

    TABLE.json keeps how every run ended that was ever made there: also those of another recipe or of cells that are
    not asked for this time. None is made twice, not for another table in the same directory either. A run that was
    killed goes on from its own directory.

    Args:
        grid: see `ghostdeploy.ablation.grid.read`.
        directory: made if it is not there.
        recipe: instead of the paper's own setting, e.g. a small one.
        seeds: runs of each cell, with seeds 0, 1, ...; seeds are the outer loop, so that a table that is not finished
            has every cell.
        settings: for all cells, before their own.
        data, minutes, workers, progress, watch: see `ghostdeploy.training.run.train`; `minutes` is for all together.

    Raises:
        RecipeInvalid: a cell's settings fit no recipe; before anything is trained.
        ResumeMismatch: TABLE.json there cannot be read, or a run there that was not finished is of another recipe or of
            other data.
        The errors of `train`, but for TrainingDiverged, which is an outcome.
    """
    path = recipe_file.find(recipe or grid.recipe)
    base = recipe_file.read(path, settings)
    told = base if data is None else replace(base, data=replace(base.data, set=str(data)))
    recipes = {(cell, seed): recipe_file.read(path, (*settings, *cell.settings, f"run.seed={seed}"))
               for seed in range(seeds) for cell in grid.cells}
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    make_directory(directory)
    kept = report.kept(directory, grid)
    found: dict[Cell, list[Outcome]] = {cell: [] for cell in grid.cells}
    for (cell, seed), wanted in recipes.items():
        left = None if deadline is None else (deadline - time.monotonic()) / 60
        place = directory / grid.name / _slug(cell) / f"seed-{seed}"
        identity = state.digest(wanted, open_set(data or wanted.data.set).limited(wanted.data.limit).identity)
        if identity not in kept and (left is None or left > 0):
            progress.note(f"{cell.title}, seed {seed}")
            outcome = _outcome(identity, wanted, place, data, left, workers, progress, watch)
            kept |= {} if outcome is None else {identity: outcome}
        found[cell] += [kept[identity]] if identity in kept else []
        _write(directory, grid, told, found, seeds, kept.values())
    return _rows(found)


def _rows(found: dict[Cell, list[Outcome]]) -> list[Row]:
    return [Row(cell, tuple(outcomes)) for cell, outcomes in found.items()]


def _write(directory: Path, grid: Grid, recipe: Recipe, found: dict[Cell, list[Outcome]], seeds: int,
           runs: Collection[Outcome]) -> None:
    rows = _rows(found)
    write_json(report.json_file(directory, grid), report.document(grid, recipe, rows, seeds, runs))
    write_whole(directory / f"{grid.name}.md", report.markdown(grid, recipe, rows, seeds))


def _slug(cell: Cell) -> str:
    return "_".join(re.sub(r"[^\w.-]+", "-", label) for label in cell.labels)


def _outcome(identity: str, recipe: Recipe, place: Path, data: Path | None, minutes: float | None, workers: int | None,
             progress: Progress, watch: Watch) -> Outcome | None:
    """How a run ends; None where time was up before."""
    try:
        done = train(recipe, place, data=data, resume=(place / state.FILE).exists(), minutes=minutes, workers=workers,
                     progress=progress, watch=watch)
    except TrainingDiverged as error:
        progress.note(error.what)
        (place / state.FILE).unlink(missing_ok=True)
        return Outcome(identity, None, None)
    if done.step < done.steps:
        return None
    (place / state.FILE).unlink(missing_ok=True)        # 36 MB for GhostNetV3 0.5x, and nothing goes on from here
    return Outcome(identity, done.top1_raw, done.top1_ema)
