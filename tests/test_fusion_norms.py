"""Every BatchNorm goes, wherever it stands, and with whatever numbers it holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ghostdeploy.fusion import fuse
from tests import fusion_blocks as blocks
from tests.randomise import randomise_norms


class LinearOfTokens(nn.Module):
    """LeViT: linear over [B, T, C], BatchNorm1d over its flattened tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x.flatten(2).transpose(1, 2))
        return self.norm(y.flatten(0, 1)).reshape_as(y)


class NestedConcatenation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(6, n, 1, bias=False) for n in (2, 3, 4))
        self.inner, self.outer = nn.BatchNorm2d(5), nn.BatchNorm2d(9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.cat([self.inner(torch.cat([self.a(x), self.b(x)], 1)), self.c(x)], 1))


class WeightStandardised(nn.Module):
    """A convolution whose weights are computed from its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = self.conv.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.var((1, 2, 3), keepdim=True) + 1e-5).sqrt()
        return self.norm(nn.functional.conv2d(x, w, self.conv.bias) * 0.5 - 1.25)


def head(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(6, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)


# name: (model, convolutions that remain)
PLACES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "after conv": (lambda: blocks.conv_norm(6, 5, 3), 1),
    "two after conv": (lambda: nn.Sequential(blocks.conv_norm(6, 5, 3), nn.BatchNorm2d(5)), 1),
    "after conv1d": (lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(6, 5, 3), nn.BatchNorm1d(5)), 1),
    "after conv3d": (lambda: nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Conv3d(2, 4, (1, 3, 3)), nn.BatchNorm3d(4)), 1),
    "padding='same'": (lambda: nn.Sequential(nn.Conv2d(6, 6, 3, padding="same"), nn.BatchNorm2d(6)), 1),
    "before linear": (lambda: head(nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 3)), 1),
    "after linear": (lambda: head(nn.Linear(6, 3), nn.BatchNorm1d(3)), 1),
    "around linear": (lambda: head(nn.BatchNorm1d(6), nn.Linear(6, 3), nn.BatchNorm1d(3)), 1),
    "linear of tokens": (lambda: LinearOfTokens(), 0),
    "before conv": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3)), 1),
    "before strided conv": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, 2, groups=2)), 1),
    "before padded conv": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, padding=1)), 2),
    "alone": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(6), nn.ReLU()), 1),
    "alone, 1-D": (lambda: head(nn.BatchNorm1d(6), nn.ReLU()), 1),
    "after concatenation": (lambda: blocks.Concatenated(6, (3, 5)), 2),
    "after nested concatenations": (lambda: NestedConcatenation(), 3),
    "after concatenation with an activation": (lambda: blocks.Concatenated(6, (3, 5), opaque=True), 3),
    "after average": (lambda: nn.Sequential(nn.Conv2d(6, 4, 3), nn.AvgPool2d(2), nn.BatchNorm2d(4)), 1),
    "after global average": (lambda: nn.Sequential(nn.Conv2d(6, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                                   nn.BatchNorm1d(4)), 1),
    "after upsampling": (lambda: nn.Sequential(nn.Conv2d(6, 4, 3), nn.Upsample(scale_factor=2), nn.BatchNorm2d(4)), 1),
    "after transposed conv": (lambda: nn.Sequential(nn.ConvTranspose2d(6, 4, 2, 2), nn.BatchNorm2d(4)), 2),
    "padding before conv": (lambda: nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4)), 1),
    "lopsided padding before conv": (lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)),
                                                           blocks.conv_norm(6, 4, 3, 2, 0)), 1),
    "standardised weights": (lambda: WeightStandardised(), 1),
}


@pytest.mark.parametrize("place", PLACES)
def test_norm_goes(place: str) -> None:
    torch.manual_seed(0)
    make, convs = PLACES[place]
    model = randomise_norms(make()).eval()
    for norm in model.modules():                       # the helper leaves 3-D norms alone
        if isinstance(norm, nn.BatchNorm3d):
            norm.running_var.uniform_(0.5, 1.5)
            norm.running_mean.normal_()
    x = torch.randn(1, 6, 9, 8)
    report = fuse(model, x).report
    assert report.norms_before > 0
    assert (report.convs_after, report.norms_after) == (convs, 0)
    exact = fuse(model.double(), x.double(), verify=False).module
    with torch.no_grad():
        torch.testing.assert_close(exact(x.double()), model(x.double()), rtol=0, atol=1e-12)


def test_zero_variance_and_missing_affine() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1),
                          nn.BatchNorm2d(4, affine=False))
    randomise_norms(model).eval()
    model[1].running_var[1] = 0.0
    report = fuse(model, torch.randn(1, 3, 8, 8)).report
    assert (report.convs_after, report.norms_after) == (2, 0)


def test_huge_gammas_are_folded_within_the_proof() -> None:
    torch.manual_seed(0)
    model = randomise_norms(blocks.rep_vgg(8)).eval()
    with torch.no_grad():
        model.branches[0][1].weight[3] = 1e6
        model.branches[1][1].weight[5] = -1e6
    report = fuse(model, torch.randn(1, 8, 8, 8)).report
    assert (report.convs_after, report.norms_after) == (1, 0)


def test_scale_that_float32_cannot_hold_is_left_with_its_reason() -> None:
    model = randomise_norms(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0.0))).eval()
    model[1].running_var[2] = 0.0
    report = fuse(model, torch.randn(1, 3, 8, 8), verify=False).report
    assert report.norms_after == 1
    assert [left.why for left in report.left] == ["channel 2 has a scale or shift that is not a finite torch.float32"]


def test_weight_that_overflows_is_left_with_its_reason() -> None:
    model = randomise_norms(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))).eval()
    with torch.no_grad():
        model[0].weight.mul_(1e20)
        model[1].weight[0] = 1e30
        model[1].running_mean[0] = 0.0
    report = fuse(model, torch.randn(1, 3, 8, 8), verify=False).report
    assert report.norms_after == 1
    assert [left.why for left in report.left] == ["a folded weight or bias is not a finite torch.float32"]


def test_norm_of_the_inputs_own_statistics_is_left_with_its_reason() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    x = torch.randn(1, 3, 8, 8)
    fused = fuse(model, x)
    assert fused.report.norms_after == 1
    assert "statistics of its input" in fused.report.left[0].why
    with torch.no_grad():
        torch.testing.assert_close(fused.module(x), model(x))
