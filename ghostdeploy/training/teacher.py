"""The teacher of a distillation: its answers to what the student sees, or to centre crops, kept on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.calling import classify
from ghostdeploy.datasets.dataset import DataSet
from ghostdeploy.digest import sha256
from ghostdeploy.errors import FileMissing
from ghostdeploy.loading import load
from ghostdeploy.model import Model
from ghostdeploy.progress import Progress
from ghostdeploy.training.images import evaluation_batches, preprocessing
from ghostdeploy.training.recipe import DistillationPart, Recipe
from ghostdeploy.training_errors import DataUnusable


class Teacher:
    """Answers to the student's inputs, logits [n, classes].

    Images come normalised for the student and at its size; they are normalised anew and resized to the teacher's own.
    """

    def __init__(self, model: Model, recipe: Recipe, device: torch.device) -> None:
        theirs, ours = model.preprocessing, recipe.data
        self._module: nn.Module = model.module.to(device)
        self._size = theirs.input_size
        mean, std, own_mean, own_std = (torch.tensor(values, device=device).reshape(1, 3, 1, 1)
                                        for values in (theirs.mean, theirs.std, ours.mean, ours.std))
        self._factor, self._shift = own_std / std, (own_mean - mean) / std

    def __call__(self, inputs: Tensor, numbers: Tensor) -> Tensor:
        """The teacher's logits for a batch; `numbers` say which images of the set they are, and are not needed here."""
        with torch.no_grad():
            pixels = inputs * self._factor + self._shift
            if pixels.shape[-1] != self._size:
                pixels = nn.functional.interpolate(pixels, size=(self._size, self._size), mode="bilinear",
                                                   antialias=True)
            answers: Tensor = self._module(pixels)
            return answers


class KeptAnswers:
    """A teacher that ran once: the answers to centre crops, for every augmentation of the same image.

    What is lost: the teacher does not see what the student sees. A crop or an erased part that hides the object is
    still answered with what the whole image shows (Beyer et al. 2022, arXiv 2106.05237, found that it costs accuracy).
    """

    def __init__(self, answers: Tensor) -> None:
        self._answers = answers

    def __call__(self, inputs: Tensor, numbers: Tensor) -> Tensor:
        """See `Teacher`."""
        return self._answers[numbers].to(inputs.device, torch.float32)


def teacher(recipe: Recipe, data: DataSet, device: torch.device, progress: Progress) -> Teacher | KeptAnswers | None:
    """The teacher of a recipe; None where it has none.

    Raises:
        DataUnusable: it has other classes than the data.
        FileMissing: there is no such file; the errors of `ghostdeploy.load`.
    """
    part = recipe.distillation
    if part is None:
        return None
    model = _model(part)
    with torch.no_grad():
        classes = classify(model.module, torch.zeros(1, 3, *2 * (model.preprocessing.input_size,))).shape[1]
    if classes != len(data.classes):
        raise DataUnusable(f"the teacher {part.teacher} has {classes} classes, {data.name} {len(data.classes)}",
                           "it can only teach classes that it knows", "train the teacher on these data first")
    live = Teacher(model, recipe, device)
    return _kept(live, model, recipe, data, device, progress) if part.cached else live


def _model(part: DistillationPart) -> Model:
    if not Path(part.teacher).exists():
        raise FileMissing(f"no such teacher: {part.teacher}", "a teacher is a checkpoint file",
                          "name the file in distillation.teacher; `ghostdeploy models` says where weights can be had")
    return load(part.teacher, model=part.model or None)


def _kept(live: Teacher, model: Model, recipe: Recipe, data: DataSet, device: torch.device,
          progress: Progress) -> KeptAnswers:
    """From the cache, by the digest of the teacher, the data and how they become inputs; computed where missing."""
    assert recipe.distillation is not None
    how = preprocessing(recipe.data)
    part = recipe.distillation
    key = hashlib.sha256(repr((sha256(Path(part.teacher)), part.model, data.identity, how)).encode()).hexdigest()
    directory = cache_root() / "teachers" / key[:32]
    if not directory.exists():
        progress.stage(f"let {model.name} answer {len(data.train.labels)} images, once")
        found = [live(images.to(device), labels).half().cpu() for images, labels in evaluation_batches(data.train, how)]
        with appearing(directory) as scratch:
            np.save(scratch / "answers.npy", torch.cat(found).numpy())
    return KeptAnswers(torch.from_numpy(np.load(directory / "answers.npy", allow_pickle=False)))
