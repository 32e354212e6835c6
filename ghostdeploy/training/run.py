"""One training run, from its first step or from where it was killed: the verb `ghostdeploy.train`."""

from __future__ import annotations

import time
from pathlib import Path

from ghostdeploy.datasets.dataset import DataSet
from ghostdeploy.datasets.fetched import open_set
from ghostdeploy.errors import UsageError
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.torchvision_mend import mend
from ghostdeploy.training import state
from ghostdeploy.training.images import steps_per_epoch
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training.trainer import Trained, Trainer, Watch
from ghostdeploy.training_errors import DataUnusable
from ghostdeploy.writing import make_directory


def train(recipe: Recipe, directory: Path, *, data: Path | None = None, resume: bool = False,
          minutes: float | None = None, workers: int | None = None, progress: Progress = SILENT,
          watch: Watch = lambda _: None) -> Trained:
    """Train by `recipe`; weights, state and log stand in `directory`.

    Args:
        recipe: see `ghostdeploy.training.recipe_file.read`.
        directory: one that does not hold a run yet, unless `resume`.
        data: the data set's directory, instead of the recipe's set.
        resume: go on from the last saved state, with the number of threads that it had. On one kind of CPU the weights
            at the end are then bit for bit those of a run that nothing stopped.
        minutes: stop after so long, with the state saved.
        workers: processes that load images; half the cores by default.
        progress, watch: told stages and looks at the test images; every step.

    Raises:
        DataMissing, DataUnusable, RecipeInvalid, UnknownModel: about recipe and data.
        UsageError: `directory` holds a run and `resume` was not asked for.
        FileMissing, ResumeMismatch: nothing there to go on from.
        TrainingDiverged: the loss is no number any more.
        WriteFailed: the state cannot be saved.
    """
    mend()      # accelerate and timm import torchvision as it is
    images = open_set(data or recipe.data.set).limited(recipe.data.limit)
    _check(recipe, images)
    if not resume and (directory / state.FILE).exists():
        raise UsageError(f"{directory} holds a run already", "", "go on with it (--resume), or choose another with -o")
    make_directory(directory)
    run = Trainer(recipe, images, directory, workers, progress, watch)
    if resume:
        run.restore(state.load(directory, run.identity))
        progress.note(f"goes on at step {run.step} of {run.steps}")
    return run.go(None if minutes is None else time.monotonic() + 60 * minutes)


def _check(recipe: Recipe, data: DataSet) -> None:
    if len(data.classes) < 2:
        raise DataUnusable(f"{data.name} has {len(data.classes)} class", "", "there is nothing to learn to tell apart")
    empty = sorted(set(range(len(data.classes))) - set(data.train.labels.tolist()))
    if empty:
        raise DataUnusable(f"{data.name} has no training images of {data.classes[empty[0]]}",
                           "every folder of train/ is a class", "put images into it, or remove its folders")
    if not steps_per_epoch(data.train, recipe):
        raise DataUnusable(f"{data.name} has {len(data.train.labels)} training images",
                           f"one batch of {recipe.name} has {recipe.optimisation.batch}",
                           "take more images, or --set optimisation.batch=N")
