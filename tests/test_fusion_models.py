"""Whole networks of timm and torchvision, with random statistics: the counts of fusion-results, within the proof."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ghostdeploy.fusion import FusionReport, fuse
from ghostdeploy.torchvision_mend import mend
from tests.randomise import randomise_norms

# name: input size, convolutions and norms before, convolutions after. Small inputs: counts do not depend on them.
QUICK = {
    "repvgg_a0": (64, 44, 61, 22),
    "fastvit_t8": (64, 68, 70, 52),
    "mixnet_s": (64, 123, 49, 123),
    "repvit_m0_9": (64, 126, 108, 103),
    "mobileone_s0": (64, 191, 226, 43),
}
REST = {
    "mobilenetv2_100": (224, 52, 52, 52),
    "efficientnet_b0": (224, 81, 49, 81),
    "repghostnet_100": (224, 95, 112, 95),
    "mobilevit_xxs": (256, 35, 32, 35),
    "tv:shufflenet_v2_x1_0": (224, 56, 56, 56),
    "tv:squeezenet1_1": (224, 26, 0, 26),
    "deit_tiny_patch16_224": (224, 1, 0, 1),
    "ghostnetv3_050": (224, 309, 326, 137),
    "mobileone_s1": (224, 65, 99, 43),
}


def build(name: str) -> nn.Module:
    mend()
    torch.manual_seed(0)
    if name.startswith("tv:"):
        import torchvision
        return randomise_norms(torchvision.models.get_model(name[3:], weights=None)).eval()
    import timm
    return randomise_norms(timm.create_model(name, pretrained=False)).eval()


def report_of(name: str, size: int) -> FusionReport:
    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    return fuse(build(name), x).report                         # raises where the proof does not hold


def check(name: str, size: int, convs: int, norms: int, after: int) -> None:
    report = report_of(name, size)
    assert (report.convs_before, report.norms_before) == (convs, norms)
    assert (report.convs_after, report.norms_after) == (after, 0)
    assert report.left == ()
    assert report.rel_error <= 2 * report.noise                # the rule itself, without the floor of small graphs


@pytest.mark.parametrize("name", QUICK)
def test_counts(name: str) -> None:
    check(name, *QUICK[name])


@pytest.mark.zoo
@pytest.mark.parametrize("name", REST)
def test_counts_of_the_rest(name: str) -> None:
    check(name, *REST[name])


def test_ghostnetv3() -> None:
    check("ghostnetv3_160", 224, 309, 326, 137)
