"""The optimiser of a recipe."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ghostdeploy.training.recipe import OptimisationPart


def optimiser(module: nn.Module, part: OptimisationPart) -> torch.optim.Optimizer:
    """timm's: no decay for biases and norms; its LAMB clips the gradient's global norm itself."""
    from timm.optim import create_optimizer_v2

    betas: dict[str, Any] = {} if part.optimiser == "sgd" else {"betas": (part.beta1, 0.999)}
    own_clip: dict[str, Any] = {"max_grad_norm": part.clip or None} if part.optimiser == "lamb" else {}
    made: torch.optim.Optimizer = create_optimizer_v2(
        module, part.optimiser, lr=part.lr, weight_decay=part.weight_decay, momentum=part.beta1, **betas, **own_clip)
    return made
