"""Data sets: the real one out of its registry, folders of a user's own, and what is none."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ghostdeploy.datasets.cifar10 import CLASSES, PACKAGE, fetch
from ghostdeploy.datasets.dataset import DataSet, MappedImages
from ghostdeploy.datasets.fetched import home, open_set, store
from ghostdeploy.errors import UsageError
from ghostdeploy.training_errors import DataMissing, DataUnusable
from tests.commands import ghostdeploy


def test_cifar10_is_the_one_that_others_know(cifar10: DataSet) -> None:
    """Counts, the test images' mean colour (published: .4942 .4851 .4504), and the labels of the first ten of them."""
    assert (len(cifar10.train.labels), len(cifar10.test.labels), cifar10.classes) == (50_000, 10_000, CLASSES)
    assert set(Counter(cifar10.train.labels.tolist()).values()) == {5000}
    assert set(Counter(cifar10.test.labels.tolist()).values()) == {1000}
    assert isinstance(cifar10.test, MappedImages)
    mean = np.asarray(cifar10.test.pixels).mean((0, 1, 2)) / 255
    assert np.allclose(mean, (0.4942, 0.4851, 0.4504), atol=1e-4)
    assert [CLASSES[label] for label in cifar10.test.labels[:5]] == ["cat", "ship", "ship", "airplane", "frog"]
    assert cifar10.identity == PACKAGE.sha256
    assert open_set("cifar10").identity == cifar10.identity


def test_fetching_again_does_nothing(cifar10: DataSet) -> None:
    done = ghostdeploy("data", "cifar10", "--json")
    assert done.code == 0, done.stderr
    assert done.json["path"] == str(home() / "cifar10")
    assert "is there already" in done.stderr


def test_an_unknown_set_is_named_with_those_there_are() -> None:
    done = ghostdeploy("data", "imagenet")
    done.assert_clean_error("usage", 2)
    assert "cifar10" in done.stderr


def test_folders_are_a_set(images: Path) -> None:
    found = open_set(images)
    assert (found.classes, len(found.train.labels), len(found.test.labels)) == (("cat", "cup"), 24, 8)
    assert found.train.image(0).size == (96, 96)


def test_a_validation_folder_is_a_test_split_and_other_images_another_set(images: Path, tmp_path: Path) -> None:
    shutil.copytree(images / "train", tmp_path / "train")
    shutil.copytree(images / "test", tmp_path / "val")
    found = open_set(tmp_path)
    assert len(found.test.labels) == 8
    (tmp_path / "train" / "cat" / "0.png").unlink()
    assert open_set(tmp_path).identity != found.identity


def test_a_class_that_is_only_tested_is_named(images: Path, tmp_path: Path) -> None:
    shutil.copytree(images, tmp_path, dirs_exist_ok=True)
    shutil.copytree(images / "test" / "cat", tmp_path / "test" / "dog")
    with pytest.raises(DataUnusable, match="classes that") as caught:
        open_set(tmp_path)
    assert caught.value.why == "dog"


def test_what_is_no_set_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataMissing) as caught:
        open_set("cifar100")
    assert "ghostdeploy data cifar10" in caught.value.next


@pytest.mark.parametrize("spoil", ["train.pixels.npy", "test.labels.npy", "identity.txt"])
def test_a_damaged_set_is_refused(spoil: str, tmp_path: Path) -> None:
    arrays = (np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.int64))
    store(tmp_path / "set", ("a", "b"), "x", {"train": arrays, "test": arrays})
    assert open_set(tmp_path / "set").classes == ("a", "b")
    (tmp_path / "set" / spoil).unlink()
    if spoil.endswith(".npy"):
        (tmp_path / "set" / spoil).write_bytes(b"\x93NUMPY no")
    with pytest.raises(DataUnusable, match="cannot read"):
        open_set(tmp_path / "set")


def test_images_are_written_as_files(cifar10: DataSet, tmp_path: Path) -> None:
    found = open_set(fetch(tmp_path / "images", folders=True, limit=20))
    assert (len(found.train.labels), len(found.test.labels)) == (20, 20)
    assert isinstance(cifar10.train, MappedImages)
    wanted = Counter(np.asarray(image).tobytes() for image in cifar10.train.pixels[:20])
    assert Counter(np.asarray(found.train.image(number)).tobytes() for number in range(20)) == wanted
    assert fetch(tmp_path / "images", folders=True, limit=20) == tmp_path / "images"
    with pytest.raises(UsageError, match="holds something else already"):
        fetch(tmp_path / "images", folders=True, limit=21)


def test_nothing_is_written_into_a_directory_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for folders in (True, False):
        with pytest.raises(UsageError, match="holds something else already"):
            fetch(tmp_path, folders=folders)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
