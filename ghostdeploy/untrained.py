"""Random BatchNorm statistics for weights that nobody trained: a fresh BatchNorm is the identity and hides mistakes."""

from __future__ import annotations

import torch
from torch import nn

# Wider ranges make deep networks chaotic on some photos: with variances and gammas in 0.5..1.5, one unit in the last
# place at every node moved MixNet-S's answer on one photo by 3e-4, and no runtime agrees with another any more. With
# these ranges float32's own error is at most 2e-6 (MixNet S/M/L, MobileNet V2/V3, MnasNet, FBNet-C, worst of 9 photos).
SPREAD = 0.2
SHIFT = 0.05


def randomise_norms(module: nn.Module, seed: int = 0, *, spread: float = SPREAD, shift: float = SHIFT) -> nn.Module:
    """Give every BatchNorm in `module` random running statistics and, where it has them, gamma and beta.

    In place; returns `module`. Variance and gamma lie in 1 ± `spread`, mean and beta have standard deviation `shift`.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for norm in module.modules():
            if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                continue
            if norm.running_mean is not None and norm.running_var is not None:
                norm.running_mean.normal_(0, shift, generator=generator)
                norm.running_var.uniform_(1 - spread, 1 + spread, generator=generator)
            if norm.affine:
                norm.weight.uniform_(1 - spread, 1 + spread, generator=generator)
                norm.bias.normal_(0, shift, generator=generator)
    return module
