"""Random BatchNorm statistics for tests: a freshly built BatchNorm is the identity, and hides every folding mistake."""

from __future__ import annotations

import torch
from torch import nn


def randomise_norms(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every BatchNorm1d/2d in `module` random running statistics and, where it has them, gamma and beta.

    In place; returns `module`. The ranges keep activations of deep networks in the range that trained ones have, so
    that float32 noise stays comparable between a network and its fused form.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for norm in module.modules():
            if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                continue
            if norm.running_mean is not None and norm.running_var is not None:
                norm.running_mean.normal_(0, 0.1, generator=generator)
                norm.running_var.uniform_(0.5, 1.5, generator=generator)
            if norm.affine:
                norm.weight.uniform_(0.5, 1.5, generator=generator)
                norm.bias.normal_(0, 0.1, generator=generator)
    return module
