"""The learning rate of every step: timm's schedulers, asked by step, so that they have no state of their own."""

from __future__ import annotations

from typing import Any

import torch

from ghostdeploy.training.recipe import OptimisationPart


def scheduler(optimiser: torch.optim.Optimizer, part: OptimisationPart, steps_per_epoch: int) -> Any:
    """A timm scheduler whose `step_update(step)` sets the learning rates for that step.

    Warm-up steps count among the epochs; `step` decays by a rate every few epochs, as MobileNets were trained.
    """
    from timm.scheduler import CosineLRScheduler, StepLRScheduler

    warmup: dict[str, Any] = {"warmup_t": round(part.warmup_epochs * steps_per_epoch),
                              "warmup_lr_init": part.warmup_lr, "warmup_prefix": False, "t_in_epochs": False}
    steps = part.epochs * steps_per_epoch
    if part.schedule == "cosine":
        return CosineLRScheduler(optimiser, t_initial=steps, lr_min=part.min_lr, **warmup)
    rate = part.decay_rate if part.schedule == "step" else 1.0
    return StepLRScheduler(optimiser, decay_t=max(1, round(part.decay_epochs * steps_per_epoch)), decay_rate=rate,
                           **warmup)
