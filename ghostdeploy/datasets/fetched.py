"""Sets that were fetched from a registry: where they stand, how they are stored, and how they are opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.datasets.dataset import DataSet, MappedImages, from_folders
from ghostdeploy.training_errors import DataMissing, DataUnusable
from ghostdeploy.wording import first_sentence

SPLITS = ("train", "test")
IDENTITY = "identity.txt"       # a digest of what stands beside it


def home() -> Path:
    """Where fetched sets stand: in ghostdeploy's cache."""
    return cache_root() / "data"


def open_set(name: str | Path) -> DataSet:
    """A set by its name (`cifar10`), where it was fetched, or by the directory that holds it.

    Raises:
        DataMissing: there is none; says how to fetch or arrange it.
        DataUnusable: what stands there cannot be read.
    """
    directory = Path(name)
    if not directory.is_dir() and directory.name == str(name):
        directory = home() / name
    if directory.is_dir():
        return _stored(directory) if (directory / "classes.txt").exists() else from_folders(directory)
    raise DataMissing(f"there is no data set {name}", "it is no directory, and none of that name was fetched",
                      "`ghostdeploy data cifar10` fetches CIFAR-10; your own: train/CLASS/image and test/CLASS/image")


def store(directory: Path, classes: tuple[str, ...], identity: str,
          splits: dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]) -> None:
    """Write a set as arrays that can be mapped; it is there whole or not at all.

    Raises:
        WriteFailed.
    """
    with appearing(directory) as part:
        for split, (pixels, labels) in splits.items():
            np.save(part / f"{split}.pixels.npy", pixels)
            np.save(part / f"{split}.labels.npy", labels)
        (part / IDENTITY).write_text(identity + "\n", encoding="utf-8")
        (part / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")


def _stored(directory: Path) -> DataSet:
    try:
        classes = tuple((directory / "classes.txt").read_text(encoding="utf-8").splitlines())
        identity = (directory / IDENTITY).read_text(encoding="utf-8").strip()
        train, test = (MappedImages(np.load(directory / f"{split}.pixels.npy", mmap_mode="r", allow_pickle=False),
                                    np.load(directory / f"{split}.labels.npy", allow_pickle=False))
                       for split in SPLITS)
    except (OSError, ValueError) as error:
        raise DataUnusable(f"cannot read the data set in {directory}", first_sentence(error),
                           "remove the directory and fetch it again") from error
    return DataSet(directory.name, classes, train, test, identity)
