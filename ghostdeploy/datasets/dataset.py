"""A data set: classes, and a training and a test split of labelled images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ghostdeploy.preprocessing import open_image
from ghostdeploy.training_errors import DataMissing, DataUnusable

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
TEST_NAMES = ("test", "val", "validation")


class Split(Protocol):
    """Labelled images; `labels` are class indices, int64 [len]."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image."""

    def image(self, index: int) -> Image.Image:
        """The decoded RGB image.

        Raises:
            FileMissing, ImageUnreadable: where images are files.
        """


@dataclass(frozen=True)
class MappedImages:
    """Images of one size in one array, uint8 [len, height, width, 3], mapped from disk: nothing is decoded."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def image(self, index: int) -> Image.Image:
        """See `Split.image`."""
        return Image.fromarray(np.asarray(self.pixels[index]))


@dataclass(frozen=True)
class ImageFiles:
    """Images in files, decoded anew each time."""

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]

    def image(self, index: int) -> Image.Image:
        """See `Split.image`."""
        return open_image(self.paths[index])


@dataclass(frozen=True)
class Part:
    """Some images of a split, by their numbers there."""

    whole: Split
    numbers: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """See `Split.labels`."""
        return self.whole.labels[self.numbers]

    def image(self, index: int) -> Image.Image:
        """See `Split.image`."""
        return self.whole.image(int(self.numbers[index]))


@dataclass(frozen=True)
class DataSet:
    """A named set. `identity` is a digest by which a run that goes on knows that its data are still the same."""

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    identity: str

    def limited(self, count: int) -> DataSet:
        """The set with `count` training images, always the same; itself where it has no more, or `count` is 0."""
        there = len(self.train.labels)
        if not 0 < count < there:
            return self
        numbers = np.sort(np.random.default_rng(0).permutation(there)[:count])
        return replace(self, train=Part(self.train, numbers), identity=f"{self.identity}:{count}")


def from_folders(directory: Path) -> DataSet:
    """The set in `directory`: train/CLASS/image and test/CLASS/image (or val/), classes in the order of their names.

    Raises:
        DataMissing: no such directory, or neither split stands in it.
        DataUnusable: there are no classes or no images, or a class is tested that is not trained.
    """
    train = directory / "train"
    test = next((directory / name for name in TEST_NAMES if (directory / name).is_dir()), None)
    if not train.is_dir() or test is None:
        raise DataMissing(f"{directory} is no data set", "it has no train/ and test/ (or val/) with a folder a class",
                          "arrange the images as train/CLASS/image.jpg and test/CLASS/image.jpg")
    classes = tuple(sorted(_folders(train)))
    strange = sorted(_folders(test) - set(classes))
    if strange:
        raise DataUnusable(f"{test} has classes that {train} lacks", ", ".join(strange[:5]), "train on what is tested")
    trained, tested = _files(train, classes), _files(test, classes)
    # Names and sizes: the contents of ImageNet would take an hour to read.
    listed = "\n".join(f"{path.relative_to(directory).as_posix()} {path.stat().st_size}"
                       for path in trained.paths + tested.paths)
    return DataSet(directory.name, classes, trained, tested, hashlib.sha256(listed.encode()).hexdigest())


def _folders(split: Path) -> set[str]:
    """Classes; what other programs hide there (.ipynb_checkpoints) is none."""
    return {entry.name for entry in split.iterdir() if entry.is_dir() and not entry.name.startswith(".")}


def _files(split: Path, classes: tuple[str, ...]) -> ImageFiles:
    found = [(path, number) for number, name in enumerate(classes) for path in sorted((split / name).rglob("*"))
             if path.suffix.lower() in SUFFIXES]
    if not found:
        raise DataUnusable(f"no images in {split}", "none of its folders holds a JPEG, PNG, WebP or BMP file",
                           f"put them into {split}/CLASS/")
    return ImageFiles(tuple(path for path, _ in found), np.array([number for _, number in found], np.int64))
