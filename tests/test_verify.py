"""Verifying against the checkpoint itself: the copy that was exported, and nothing asked for in vain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from ghostdeploy import photos
from ghostdeploy.bundle.sums import SUMS, listing
from ghostdeploy.errors import CheckpointMismatch, FileMissing, ParityFailed, UsageError
from ghostdeploy.exporter import export
from ghostdeploy.loading import load
from ghostdeploy.verification import verify
from tests.checkpoints import save
from tests.tiny import factory

OWN = "tests.tiny:factory"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose raw and averaged copies answer differently."""
    state = factory().state_dict()
    averaged = {key: value * 1.05 if value.is_floating_point() else value for key, value in state.items()}
    return save(tmp_path_factory.mktemp("both") / "a.pth", {"model": state, "model_ema": averaged})


@pytest.fixture(scope="module")
def raw_bundle(both: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the raw copy."""
    directory = tmp_path_factory.mktemp("raw") / "bundle"
    export(load(both, model=OWN, weights="raw", input_size=32), directory, formats=("tflite",))
    return directory


@pytest.fixture
def one_photo(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    photos.real_photo("chelsea").image.save(tmp_path / "photos" / "cat.png")
    return tmp_path / "photos"


def test_the_exported_copy_is_the_one_that_is_asked(raw_bundle: Path, both: Path, one_photo: Path) -> None:
    found = verify(raw_bundle, one_photo, checkpoint=both, model=OWN)
    assert found.names == ("cat.png",)
    assert found.items[0].parity.max_rel_error < 1e-5


def test_a_copy_that_was_not_exported_is_refused(raw_bundle: Path, both: Path, one_photo: Path) -> None:
    for images in (one_photo, None):
        with pytest.raises(UsageError, match="--weights ema contradicts the bundle") as caught:
            verify(raw_bundle, images, checkpoint=both, model=OWN, weights="ema")
        assert "raw copy" in caught.value.why


def test_without_images_a_checkpoint_is_asked_about_the_photos_inside(raw_bundle: Path, both: Path) -> None:
    found = verify(raw_bundle, checkpoint=both, model=OWN)
    assert found.names == verify(raw_bundle).names
    assert found.items[0].parity.max_rel_error < 1e-5
    assert "asked again" in found.items[0].parity.source


def test_answers_stored_wrongly_are_found_out_by_the_checkpoint(raw_bundle: Path, both: Path, tmp_path: Path) -> None:
    """Artifact and stored answers both from other weights: only the checkpoint can tell."""
    copy, other = tmp_path / "copy", factory()
    with torch.no_grad():
        other.head.bias += 1  # type: ignore[operator]
    forged = export(other, tmp_path / "other", formats=("tflite",), input_size=32)
    shutil.copytree(forged.path, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["weights"] = json.loads((raw_bundle / "manifest.json").read_text())["weights"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    (copy / SUMS).write_text(listing(copy))
    assert verify(copy).items[0].parity.max_rel_error < 1e-5
    with pytest.raises(ParityFailed):
        verify(copy, checkpoint=both, model=OWN)


def test_another_file_is_refused_before_it_is_opened(raw_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match="not the checkpoint of this bundle"):
        verify(raw_bundle, checkpoint=save(tmp_path / "other.pth", factory().state_dict()), model=OWN)
    with pytest.raises(FileMissing, match=r"nothing\.pth"):
        verify(raw_bundle, checkpoint=tmp_path / "nothing.pth", model=OWN)


def test_what_only_a_checkpoint_needs_is_not_ignored_without_one(raw_bundle: Path, one_photo: Path) -> None:
    with pytest.raises(UsageError, match="--images needs --checkpoint"):
        verify(raw_bundle, one_photo)
    with pytest.raises(UsageError, match="--model needs --checkpoint"):
        verify(raw_bundle, model=OWN)
    with pytest.raises(UsageError, match="--weights needs --checkpoint"):
        verify(raw_bundle, weights="raw")
