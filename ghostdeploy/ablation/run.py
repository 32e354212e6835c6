"""Runs every cell of a table with every seed; what is done is kept, what was killed goes on."""

from __future__ import annotations

import json
import math
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ghostdeploy.ablation.grid import Cell, Grid
from ghostdeploy.datasets.fetched import open_set
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.training import recipe_file, state
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training.run import train
from ghostdeploy.training.trainer import Watch
from ghostdeploy.training_errors import TrainingDiverged
from ghostdeploy.writing import write_whole

OUTCOME = "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """How one run ended. Shares of test images named right, 0 to 1; None where the loss was no number any more."""

    identity: str
    top1_raw: float | None
    top1_ema: float | None


@dataclass(frozen=True)
class Row:
    """A cell with the outcomes of its seeds, in their order; fewer than wanted where time was up."""

    cell: Cell
    outcomes: tuple[Outcome, ...]

    @property
    def top1(self) -> tuple[float, ...]:
        """Averaged weights' top-1 of the runs that ended with numbers."""
        return tuple(each.top1_ema for each in self.outcomes if each.top1_ema is not None)

    @property
    def mean(self) -> float:
        """Of `top1`; nan where there is none."""
        return statistics.fmean(self.top1) if self.top1 else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of `top1` over seeds (n - 1); nan for fewer than two."""
        return statistics.stdev(self.top1) if len(self.top1) > 1 else math.nan


def ablate(grid: Grid, directory: Path, *, recipe: str | None = None, seeds: int = 3, settings: Sequence[str] = (),
           data: Path | None = None, minutes: float | None = None, workers: int | None = None,
           progress: Progress = SILENT, watch: Watch = lambda _: None) -> list[Row]:
    """Train every cell of `grid` with `seeds` seeds; one directory a run below `directory`.

    Args:
        grid: see `ghostdeploy.ablation.grid.read`.
        directory: where runs stand; what is done there already is kept.
        recipe: instead of the paper's own setting, e.g. a small one.
        seeds: runs of each cell, with seeds 0, 1, ...; seeds are the outer loop, so that a table that is not finished
            has every cell.
        settings: for all cells, before their own.
        data, minutes, workers, progress, watch: see `ghostdeploy.training.run.train`; `minutes` is for all together.

    Raises:
        RecipeInvalid: a cell's settings fit no recipe; before anything is trained.
        ResumeMismatch: a run there that was not finished is of another recipe or of other data.
        The errors of `train`, but for TrainingDiverged, which is an outcome.
    """
    path = recipe_file.find(recipe or grid.recipe)
    recipes = {(cell, seed): recipe_file.read(path, (*settings, *cell.settings, f"run.seed={seed}"))
               for seed in range(seeds) for cell in grid.cells}
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    found: dict[Cell, list[Outcome]] = {cell: [] for cell in grid.cells}
    for (cell, seed), wanted in recipes.items():
        left = None if deadline is None else (deadline - time.monotonic()) / 60
        place = directory / _slug(cell) / f"seed-{seed}"
        progress.note(f"{cell.title}, seed {seed}")
        outcome = _outcome(wanted, place, data, left, workers, progress, watch)
        if outcome is not None:
            found[cell].append(outcome)
    return [Row(cell, tuple(outcomes)) for cell, outcomes in found.items()]


def _slug(cell: Cell) -> str:
    return "_".join(re.sub(r"[^\w.-]+", "-", label) for label in cell.labels)


def _outcome(recipe: Recipe, place: Path, data: Path | None, minutes: float | None, workers: int | None,
             progress: Progress, watch: Watch) -> Outcome | None:
    """The outcome of one run, kept or new; None where time was up before it ended."""
    identity = state.digest(recipe, open_set(data or recipe.data.set).limited(recipe.data.limit).identity)
    kept = _kept(place, identity)
    if kept is not None or (minutes is not None and minutes <= 0):
        return kept
    try:
        done = train(recipe, place, data=data, resume=(place / state.FILE).exists(), minutes=minutes, workers=workers,
                     progress=progress, watch=watch)
    except TrainingDiverged as error:
        progress.note(error.what)
        outcome = Outcome(identity, None, None)
    else:
        if done.step < done.steps:
            return None
        outcome = Outcome(identity, done.top1_raw, done.top1_ema)
    write_whole(place / OUTCOME, json.dumps(asdict(outcome)) + "\n")
    (place / state.FILE).unlink(missing_ok=True)        # 36 MB for GhostNetV3 0.5x, and nothing goes on from here
    return outcome


def _kept(place: Path, identity: str) -> Outcome | None:
    """What stands in a run's directory, if it is of this run; an unreadable file is a run to be made again."""
    try:
        found = Outcome(**json.loads((place / OUTCOME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.identity == identity else None
