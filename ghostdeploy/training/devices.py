"""The processes and devices that a run has, and whether its recipe fits them."""

from __future__ import annotations

from typing import Any

import torch

from ghostdeploy.errors import UsageError
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training_errors import RecipeInvalid
from ghostdeploy.wording import first_sentence


def accelerator(recipe: Recipe) -> Any:
    """accelerate's, for the processes and devices that there are.

    Raises:
        RecipeInvalid: they cannot compute in the recipe's precision, or cannot share its batch.
        UsageError: this process trained in another precision before.
    """
    from accelerate import Accelerator

    gpu = torch.accelerator.is_available()
    if recipe.run.precision == "fp16" and not gpu:
        raise RecipeInvalid("run.precision = fp16 needs a GPU", "accelerate trains in float32 instead where there is "
                            "none, and says nothing", "--set run.precision=no, or bf16")
    try:
        # accelerate overlooks torchrun's other processes unless it is told that they have CPUs only.
        made = Accelerator(mixed_precision=recipe.run.precision, cpu=not gpu)
    except ValueError as error:
        raise UsageError("this process has trained in another precision", first_sentence(error),
                         "train in a process of its own") from error
    batch, count = recipe.optimisation.batch, made.num_processes
    mixes = recipe.augmentation.mixup or recipe.augmentation.cutmix
    if batch % count or batch < 2 * count or (mixes and batch // count % 2):
        raise RecipeInvalid(f"optimisation.batch = {batch} does not fit --processes {count}",
                            "each takes as many images, two at least for BatchNorm, and an even number to mix in pairs",
                            f"--set optimisation.batch={-(-max(batch, 2) // (2 * count)) * 2 * count}")
    return made
