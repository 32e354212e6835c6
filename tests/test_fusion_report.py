"""The report says what became one, and gives a reason for everything that did not."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from ghostdeploy.fusion import FusionReport, fuse
from tests import fusion_blocks as blocks
from tests.randomise import randomise_norms

C = 8


def report_of(model: nn.Module, **options: bool) -> FusionReport:
    torch.manual_seed(0)
    return fuse(randomise_norms(model).eval(), torch.randn(1, C, 10, 10), **options).report


def test_merged_names_the_parts_and_the_outcome() -> None:
    report = report_of(blocks.rep_vgg(C))
    assert [m.what for m in report.merged] == [f"conv2d 3x3, {C} -> {C}"]
    assert set(report.merged[0].parts) == {"conv2d", "conv2d_1", "batch_norm", "batch_norm_1", "batch_norm_2", "add",
                                           "add_1"}
    assert report.left == ()


REASONS = {
    "the cost would grow": (lambda: blocks.Sum(blocks.conv_norm(C, C, 7, groups=C), blocks.conv_norm(C, C, 1)),
                            "one convolution for both would have 3136 weights instead of 456"),
    "needed elsewhere": (lambda: blocks.SharedPart(C), "its own value is needed by sigmoid too"),
    "zero padding behind a norm": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(C), nn.Conv2d(C, C, 3, padding=1)),
                                   "the value folded in would have to stand in the padding too"),
    "an activation before and after": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(C), nn.ReLU()),
                                       "relu (relu) cannot take a scale"),
    "an activation inside a concatenation": (lambda: blocks.Concatenated(C, (3, 5), opaque=True),
                                             "relu is not the result of a convolution"),
    "lopsided same padding": (lambda: nn.Sequential(nn.Conv2d(C, C, 4, padding="same"), nn.BatchNorm2d(C)),
                              "padding='same' is not the same on both sides here"),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose2d(C, C, 2, 2), nn.BatchNorm2d(C)), "conv_transpose2d"),
    "border at the average": (lambda: nn.Sequential(
        nn.Conv2d(C, C, 1), nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.BatchNorm2d(C)),
        "averages padding, which is zero before a shift and not after it"),
    "1x1 -> 3x3 beside a 3x3, padded with zeros": (lambda: blocks.Sum(
        blocks.conv_norm(C, C, 3), nn.Sequential(blocks.conv_norm(C, C, 1), blocks.conv_norm(C, C, 3))),
        "it pads its input with zeros"),
}


@pytest.mark.parametrize("case", REASONS)
def test_what_is_left_has_its_reason(case: str) -> None:
    make, why = REASONS[case]
    left = report_of(make()).left
    assert any(why in entry.why for entry in left), left
    assert all(entry.node and entry.what and entry.why for entry in left)


def test_two_convolutions_in_a_row_become_one_where_that_is_cheaper() -> None:
    cheaper, dearer = (nn.Sequential(nn.Conv2d(C, 4, 3), nn.Conv2d(4, n, 1)) for n in (4, 64))
    assert (report_of(cheaper).convs_after, report_of(dearer).convs_after) == (1, 2)


def test_as_dict_is_the_manifests_object() -> None:
    report = report_of(blocks.SharedPart(C))
    plain = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert {"convs_before", "convs_after", "norms_before", "norms_after", "left", "rel_error"} <= set(plain)
    assert (plain["convs_before"], plain["norms_after"]) == (2, 0)
    assert plain["left"][0].keys() == {"node", "what", "why"}
    unproven = report_of(blocks.SharedPart(C), verify=False).as_dict()
    assert unproven["rel_error"] is None


def test_nothing_to_do_is_nothing_done() -> None:
    model = nn.Sequential(nn.Conv2d(C, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Tanh(), nn.Conv2d(4, C, 1))
    report = report_of(model)
    assert (report.convs_before, report.convs_after) == (3, 3)
    assert (report.merged, report.left) == ((), ())
    assert report.rel_error == report.noise
