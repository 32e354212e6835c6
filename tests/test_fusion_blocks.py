"""Every published re-parameterisable block: as few convolutions as its paper says, and exactly the same function."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ghostdeploy.fusion import fuse
from tests import fusion_blocks as blocks
from tests.randomise import randomise_norms

C = 12
# name: (block, input channels, convolutions that remain)
CASES: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "RepVGG": (lambda: blocks.rep_vgg(C), C, 1),
    "RepVGG, odd channels": (lambda: blocks.rep_vgg(7), 7, 1),
    "RepVGG, groups": (lambda: blocks.rep_vgg(C, groups=4), C, 1),
    "RepVGG, stride": (lambda: blocks.rep_vgg(C, stride=2), C, 1),
    "three RepVGG": (lambda: nn.Sequential(*(blocks.rep_vgg(C) for _ in range(3))), C, 3),
    "ACNet": (lambda: blocks.ac_net(C, 7), C, 1),
    "DBB": (lambda: blocks.diverse_branch(C, 9, 3), C, 1),
    "DBB, groups, stride": (lambda: blocks.diverse_branch(C, C, 5, stride=2, groups=3), C, 1),
    "RepLKNet 13+5": (lambda: blocks.rep_lk(5), 5, 1),
    "UniRepLKNet, dilated": (lambda: blocks.uni_rep_lk(5), 5, 1),
    "MobileOne, depthwise": (lambda: blocks.mobile_one(C, C, C, 1), C, 1),
    "MobileOne, stride": (lambda: blocks.mobile_one(C, 17, 1, 2), C, 1),
    "GhostNetV3": (lambda: blocks.GhostBranches(C, 15), C, 2),
    "GhostNetV3, square": (lambda: blocks.GhostBranches(6, 12), 6, 2),
    "FastViT mixer": (lambda: blocks.ScaledDifference(C), C, 1),
    "MixNet": (lambda: blocks.Concatenated(C, (3, 5, 7)), C, 3),
    "3x3 + 1x1 + average": (lambda: blocks.Sum(
        blocks.conv_norm(C, C, 3), blocks.conv_norm(C, C, 1),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.BatchNorm2d(C))), C, 1),
    "3x3 + 1x1 of an average, stride": (lambda: blocks.Sum(
        blocks.conv_norm(C, C, 3, 2), nn.Sequential(nn.AvgPool2d(2), blocks.conv_norm(C, C, 1))), C, 1),
    "dense 1x1 + depthwise 7x7": (lambda: blocks.Sum(
        blocks.conv_norm(C, C, 7, groups=C), blocks.conv_norm(C, C, 1)), C, 2),
    "groups 4 + groups 2": (lambda: blocks.Sum(
        blocks.conv_norm(C, C, 3, groups=4), blocks.conv_norm(C, C, 1, groups=2)), C, 2),
    "a part read elsewhere": (lambda: blocks.SharedPart(C), C, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_block(name: str) -> None:
    torch.manual_seed(0)
    make, channels, convs = CASES[name]
    block = randomise_norms(make()).eval()
    x = torch.randn(1, channels, 14, 12)
    report = fuse(block, x).report                     # raises where the float32 proof does not hold
    assert (report.convs_after, report.norms_after) == (convs, 0)
    assert report.merged
    assert 0 < report.rel_error < 1e-6
    exact = fuse(block.double(), x.double(), verify=False).module
    with torch.no_grad():
        torch.testing.assert_close(exact(x.double()), block(x.double()), rtol=0, atol=1e-12)


def test_what_does_not_match_the_border_is_not_composed() -> None:
    """DBB with its border off by a thousandth is another function; it must stay what it is."""
    torch.manual_seed(0)
    block = randomise_norms(blocks.diverse_branch(C, C, 3)).eval()

    class Off(blocks.BordersOfNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = super().forward(x).clone()
            y[:, :, :1] = y[:, :, :1] * 1.001
            return y

    off = Off(1, C)
    off.load_state_dict(block.branches[2][1].state_dict())
    block.branches[2][1] = off.eval()
    x = torch.randn(1, C, 8, 8)
    fused = fuse(block, x)
    assert fused.report.norms_after == 0
    assert fused.report.convs_after == 3
    exact = fuse(block.double(), x.double(), verify=False).module
    with torch.no_grad():
        torch.testing.assert_close(exact(x.double()), block(x.double()), rtol=0, atol=1e-12)
