"""Parity: exact arithmetic, thresholds, and artifacts that are wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ghostdeploy import photos
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.errors import (
    FileMissing,
    FileUnreadable,
    ImagesMissing,
    ImageUnreadable,
    ParityFailed,
    UsageError,
)
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.parity import ArtifactUnderTest, check, compare_outputs, limit_for, relative_error
from tests.small_artifacts import FORMATS, answers, directory, images, network, small

Floats = npt.NDArray[np.float32]


def array(*rows: list[float]) -> Floats:
    return np.array(rows, np.float32)


def test_the_figures_are_what_they_are_called() -> None:
    reference = array([1, 2, 4, 0, 0, 0], [10, 0, 0, 0, 0, -40])
    outputs = array([1, 2, 5, 0, 0, 0], [10, 0, 0, 2, 0, -40])
    parity = compare_outputs(reference, outputs, limit=0.3, names=["a", "b"])
    assert parity.max_abs_error == 2
    assert parity.max_rel_error == 0.25                      # 1 of 4, not 2 of 40
    noise, signal = 1 + 4, 1 + 4 + 16 + 100 + 1600
    assert parity.snr_db == pytest.approx(10 * math.log10(signal / noise))
    assert parity.top1_agreement == 1.0 and parity.inputs == 2
    assert [detail.name for detail in parity.details] == ["a", "b"]
    assert parity.details[1].max_rel_error == 2 / 40
    assert parity.passed and not replace(parity, limit=0.2).passed


def test_a_quiet_input_does_not_hide_behind_a_loud_one() -> None:
    reference, outputs = array([1000, 0], [0.001, 0]), array([1000, 0], [0.002, 0])
    assert compare_outputs(reference, outputs, limit=1).max_rel_error == pytest.approx(1.0)


def test_top_classes() -> None:
    reference = array([9, 8, 7, 6, 5, 4, 3, 2], [9, 8, 7, 6, 5, 4, 3, 2])
    outputs = array([8, 9, 7, 6, 5, 4, 3, 2], [9, 8, 7, 6, 1, 4, 3, 2])
    parity = compare_outputs(reference, outputs, limit=1)
    assert parity.top1_agreement == 0.5
    assert parity.top5_agreement == pytest.approx((1 + 0.8) / 2)


def test_fewer_classes_than_five() -> None:
    assert compare_outputs(array([3, 1]), array([3, 1]), limit=0).top5_agreement == 1.0


def test_bit_exact_has_no_noise() -> None:
    parity = compare_outputs(array([1, 2]), array([1, 2]), limit=0)
    assert parity.max_abs_error == 0 and parity.snr_db is None and parity.passed


def test_a_reference_that_ignores_its_input_is_seen() -> None:
    assert compare_outputs(array([1, 2], [1, 2]), array([1, 2], [1, 2]), limit=0).reference_spread == 0
    assert compare_outputs(array([1, 2], [2, 1]), array([1, 2], [2, 1]), limit=0).reference_spread == 0.5


@pytest.mark.parametrize("outputs", [array([1, math.nan]), array([1, math.inf]), array([1, 2, 3]),
                                     array([1, 2], [1, 2])])
def test_outputs_that_cannot_be_compared(outputs: Floats) -> None:
    with pytest.raises(ParityFailed):
        compare_outputs(array([1, 2]), outputs, limit=1)


@pytest.mark.parametrize("reference", [array([0, 0]), array([math.nan, 1]), np.zeros((0, 2), np.float32)])
def test_references_that_prove_nothing(reference: Floats) -> None:
    with pytest.raises(ParityFailed):
        compare_outputs(reference, np.ones_like(reference), limit=1)


VALUES = st.floats(0.125, 100, width=32)
PAIRS = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.float32, shape, elements=VALUES)] * 2))


@given(PAIRS)
def test_figures_are_within_their_ranges(pair: tuple[Floats, Floats]) -> None:
    parity = compare_outputs(*pair, limit=1.0)
    assert 0 <= parity.top1_agreement <= 1 and 0 <= parity.top5_agreement <= 1
    assert parity.max_abs_error == pytest.approx(float(np.abs(pair[0].astype(float) - pair[1]).max()))
    assert relative_error(*pair) == parity.max_rel_error == max(d.max_rel_error for d in parity.details)


def test_limits() -> None:
    assert limit_for("fp32") == limit_for("fp32", 4e-7) == 1e-5
    assert limit_for("fp32", 8e-6) == 1.6e-5        # a model noisier than the limit gets twice its own noise
    assert limit_for("fp16", simulated=1e-9) == 1e-3 < limit_for("fp16", simulated=4e-3) == 8 * 4e-3
    assert limit_for("fp16", simulated=1.0) == 5e-2      # a sensitive model is no licence for gross mistakes
    for precision in ("fp16", "int8"):
        with pytest.raises(UsageError):
            limit_for(precision)


def under_test(format: Format) -> ArtifactUnderTest:
    artifact = small(format)
    return ArtifactUnderTest(artifact.path, format, "fp32", artifact.inputs, artifact.outputs)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_agrees_on_real_photos(format: Format) -> None:
    every = images(9)
    parity = check(under_test(format), every, answers(every), LocalDevice(), limit=limit_for("fp32"),
                   names=[photo.name for photo in photos.real_photos()], source="photos")
    parity.enforce("small")
    assert parity.inputs == 9 and parity.top1_agreement == 1.0 and parity.reference_spread > 1e-2
    assert [detail.name for detail in parity.details] == [photo.name for photo in photos.real_photos()]


def test_an_artifact_with_one_wrong_weight_fails() -> None:
    network_ = torch.nn.Sequential(network(), torch.nn.Linear(7, 7))
    with torch.no_grad():
        network_[1].weight.copy_(torch.eye(7))
        network_[1].bias.zero_()
        network_[1].weight[3, 3] += 1e-3
    path = directory() / "off.onnx"
    torch.onnx.export(network_.eval(), (torch.zeros(1, 3, 64, 64),), path, dynamo=False)
    parity = check(ArtifactUnderTest(path, "onnx", "fp32"), images(3), answers(images(3)), LocalDevice(),
                   limit=limit_for("fp32"))
    assert not parity.passed and 1e-5 < parity.max_rel_error < 2e-3
    with pytest.raises(ParityFailed, match=r"off\.onnx") as caught:
        parity.enforce("off.onnx")
    assert caught.value.exit_code == 5 and "worst on" in caught.value.why


def test_the_photos_are_real_coloured_and_different() -> None:
    found = photos.real_photos()
    assert len(found) >= 8 and {"chelsea", "coffee", "astronaut", "rocket"} <= {photo.name for photo in found}
    small_ = [np.asarray(photo.image.resize((32, 32)), np.float32) for photo in found]
    for pixels in small_:
        assert pixels.shape == (32, 32, 3) and pixels.std() > 10
        assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 1      # not grey
    assert all(np.abs(a - b).mean() > 1 for i, a in enumerate(small_) for b in small_[:i])


def test_a_directory_of_photos(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    photos.real_photo("chelsea").image.save(tmp_path / "cats" / "b.png")
    photos.real_photo("coffee").image.convert("L").save(tmp_path / "a.jpg")
    (tmp_path / ".hidden").write_text("no image")
    found = photos.from_directory(tmp_path)
    assert [photo.name for photo in found] == ["a.jpg", "cats/b.png"]
    assert all(photo.image.mode == "RGB" for photo in found)


def test_an_unreadable_photo_is_named(tmp_path: Path) -> None:
    whole = photos.real_photo("chelsea").path.read_bytes()
    (tmp_path / "good.png").write_bytes(whole)
    (tmp_path / "half.png").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ImageUnreadable, match=r"half\.png"):
        photos.from_directory(tmp_path)


def test_directories_without_photos(tmp_path: Path) -> None:
    with pytest.raises(ImagesMissing):
        photos.from_directory(tmp_path)
    with pytest.raises(FileMissing):
        photos.from_directory(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileUnreadable):
        photos.from_directory(tmp_path / "file")
