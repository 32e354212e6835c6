"""Random BatchNorm statistics for tests of exact algebra, in wider ranges than random weights for export get."""

from __future__ import annotations

from torch import nn

from ghostdeploy import untrained

SPREAD, SHIFT = 0.5, 0.1


def randomise_norms(module: nn.Module, seed: int = 0) -> nn.Module:
    """`untrained.randomise_norms` with variance and gamma in 0.5..1.5 and a shift of 0.1; in place."""
    return untrained.randomise_norms(module, seed, spread=SPREAD, shift=SHIFT)
