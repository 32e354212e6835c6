"""From a split of a data set to batches: augmented and in random order to train, in their order to test."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, default_collate

from ghostdeploy.datasets.dataset import Split
from ghostdeploy.errors import GhostdeployError
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.torchvision_mend import mend
from ghostdeploy.training.randomness import Use, seed_of, set_seeds
from ghostdeploy.training.recipe import AugmentationPart, DataPart, Recipe
from ghostdeploy.training_errors import RecipeInvalid
from ghostdeploy.wording import first_sentence

TEST_BATCH = 250
# Half the cores load: on two cores the one process that loaded CIFAR-10 at 64 pixels was busy for 10 to 50 % of a core.
MOST_WORKERS = 8
EXAMPLES = 128      # whose statistics gave a merged network its 84 % again (see branching/statistics.py)
PAD_SHARE = 8       # a padded crop may reach size/8 beyond the border: 4 pixels of CIFAR's 32, as He et al. 2015 do


def preprocessing(data: DataPart) -> Preprocessing:
    """How a test image becomes an input; the checkpoint carries it to whoever deploys it."""
    return Preprocessing(data.size, data.crop, data.interpolation, data.mean, data.std)


def augmentation(part: AugmentationPart, data: DataPart) -> Any:
    """A callable from PIL image to normalised tensor [3, size, size], of timm's and torchvision's transforms.

    Raises:
        RecipeInvalid: timm does not know the words of `auto`.
    """
    mend()
    from timm.data import create_transform
    from torchvision import transforms

    size = data.size
    resized = part.crop == "resized"
    # timm's own crop is the resized one; with scale 1 and ratio 1 it takes all of a square image.
    # Without a colour jitter of 0: it drew and did nothing, for 100 of 900 us an image.
    try:
        pieces = create_transform(
            size, is_training=True, scale=part.scale if resized else (1.0, 1.0), ratio=None if resized else (1.0, 1.0),
            hflip=part.flip, color_jitter=part.colour_jitter or None,  # type: ignore[arg-type]
            auto_augment=part.auto or None,
            interpolation=data.interpolation, mean=data.mean, std=data.std, re_prob=part.erasing, re_mode="pixel")
    except (AssertionError, KeyError, ValueError) as error:     # timm has no type of its own for words it does not know
        raise RecipeInvalid(f"augmentation.auto = {part.auto!r} is not possible", first_sentence(error),
                            "write it as timm does, for example rand-m9-mstd0.5 or original") from error
    if part.crop == "padded":
        before = [transforms.Resize(size, transforms.InterpolationMode(data.interpolation)),
                  transforms.RandomCrop(size, size // PAD_SHARE, padding_mode="reflect")]
        return transforms.Compose(before + pieces.transforms[1:])
    return pieces


class _Training(Dataset["tuple[Tensor, int, int] | GhostdeployError"]):
    """Augmented images; an item is asked for by its epoch and its number, which decide its augmentation.

    An image that cannot be read is an item too: a process that loads can only hand on the text of an exception, with
    its traceback.
    """

    def __init__(self, split: Split, recipe: Recipe) -> None:
        self._split, self._seed = split, recipe.run.seed
        self._augment = augmentation(recipe.augmentation, recipe.data)

    def __getitem__(self, place: tuple[int, int]) -> tuple[Tensor, int, int] | GhostdeployError:
        epoch, number = place
        set_seeds(seed_of(self._seed, Use.IMAGE, epoch, number))
        try:
            return self._augment(self._split.image(number)), int(self._split.labels[number]), number
        except GhostdeployError as error:
            return error


class _Testing(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, split: Split, how: Preprocessing) -> None:
        self._split, self._how = split, how

    def __len__(self) -> int:
        return len(self._split.labels)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        tensor = torch.from_numpy(self._how.tensor(self._split.image(number))[0])
        return tensor, torch.tensor(self._split.labels[number])


def steps_per_epoch(split: Split, recipe: Recipe) -> int:
    """Whole batches in an epoch; what is left over waits for another epoch's order."""
    return len(split.labels) // recipe.optimisation.batch


def order(count: int, seed: int, epoch: int) -> Any:
    """The order of `count` images in an epoch, int64 [count]."""
    return np.random.default_rng(seed_of(seed, Use.ORDER, epoch)).permutation(count)


def example(split: Split, recipe: Recipe) -> Tensor:
    """Inputs [n, 3, size, size] to make the training form with: the first that training sees, where it has a start.

    The same in every process.

    Raises:
        FileMissing, ImageUnreadable: an image file is gone or cannot be decoded.
    """
    if not recipe.model.start:
        return torch.zeros(1, 3, recipe.data.size, recipe.data.size)
    images = _Training(split, recipe)
    first = order(len(split.labels), recipe.run.seed, 0)[:EXAMPLES]
    found = _collated([images[0, int(number)] for number in first])
    if isinstance(found, GhostdeployError):
        raise found
    inputs: Tensor = found[0]
    return inputs


class _Batches(Iterable[list[tuple[int, int]]]):
    """Places of the images of every step from `first` on; of a step's batch, the part of process `rank`."""

    def __init__(self, split: Split, recipe: Recipe, first: int, rank: int, processes: int) -> None:
        self._count, self._seed, self._batch = len(split.labels), recipe.run.seed, recipe.optimisation.batch
        self._first, self._rank, self._processes = first, rank, processes
        self._epochs, self._per_epoch = recipe.optimisation.epochs, steps_per_epoch(split, recipe)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for epoch in range(self._first // self._per_epoch, self._epochs):
            numbers = order(self._count, self._seed, epoch)
            start = max(0, self._first - epoch * self._per_epoch)
            for step in range(start, self._per_epoch):
                batch = numbers[step * self._batch:(step + 1) * self._batch]
                yield [(epoch, int(number)) for number in batch[self._rank::self._processes]]


def training_batches(split: Split, recipe: Recipe, first: int, rank: int = 0, processes: int = 1,
                     workers: int | None = None) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Images [n, 3, size, size], labels and numbers [n] of every step from `first` to the end of the recipe.

    Raises:
        FileMissing, ImageUnreadable: an image file is gone or cannot be decoded.
    """
    count = min(MOST_WORKERS, max(1, (os.cpu_count() or 1) // 2)) if workers is None else workers
    loader = DataLoader(_Training(split, recipe), batch_sampler=_Batches(split, recipe, first, rank, processes),
                        num_workers=count, pin_memory=torch.cuda.is_available(), collate_fn=_collated)
    for batch in loader:
        if isinstance(batch, GhostdeployError):
            raise batch
        yield batch


def _collated(items: list[Any]) -> Any:
    """A batch, or the first item that is an error."""
    return next((item for item in items if isinstance(item, GhostdeployError)), None) or default_collate(items)


def evaluation_batches(split: Split, how: Preprocessing, rank: int = 0, processes: int = 1
                       ) -> DataLoader[tuple[Tensor, Tensor]]:
    """Every test image once, in order: [n, 3, size, size] and labels [n]; of several processes, each has its part."""
    numbers = range(rank, len(split.labels), processes)
    return DataLoader(Subset(_Testing(split, how), numbers), batch_size=TEST_BATCH)
