"""Fusion: parallel branches become one convolution, every BatchNorm goes, and the result is proven.

    affine      the algebra: a tensor as a sum of convolutions of others
    constants   what a graph computes from its parameters alone
    frame       padding in any disguise
    read        a graph's nodes as expressions
    hoist       norms up through concatenations and averages
    merge       parallel branches -> one
    compose     sequences -> one
    plan        which of these pay
    emit        expressions -> nodes
    evaluate, proof, departure   the numeric proof, and where it fails
    account, report              what was done, what was not, and why
    fuser       all of it in order
"""

from __future__ import annotations

from ghostdeploy.fusion.fuser import Fused, fuse
from ghostdeploy.fusion.report import FusionReport, Left, Merged

__all__ = ["Fused", "FusionReport", "Left", "Merged", "fuse"]
