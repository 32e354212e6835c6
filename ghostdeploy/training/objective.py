"""What a step minimises: cross-entropy with the labels, mixed where images were, and with a teacher's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ghostdeploy.training.recipe import AugmentationPart, DistillationPart, OptimisationPart


def mixing(augmentation: AugmentationPart, optimisation: OptimisationPart, classes: int) -> Any | None:
    """timm's Mixup, which does CutMix too: (images, labels) -> (mixed images, class shares); None if both are off."""
    if not augmentation.mixup and not augmentation.cutmix:
        return None
    from timm.data import Mixup

    return Mixup(  # type: ignore[no-untyped-call]
        augmentation.mixup, augmentation.cutmix, label_smoothing=optimisation.label_smoothing,
        num_classes=classes)


@dataclass(frozen=True)
class Objective:
    """The loss of a batch, a scalar.

    `targets` are labels [n] or class shares [n, classes]; `teacher` the teacher's logits [n, classes], where there is
    one. With both: (1 - alpha) CE + alpha T^2 KL (Hinton et al. 2015), as the GhostNetV3 paper states it in words.
    """

    label_smoothing: float
    distillation: DistillationPart | None

    def __call__(self, logits: Tensor, targets: Tensor, teacher: Tensor | None = None) -> Tensor:
        smoothing = self.label_smoothing if targets.ndim == 1 else 0.0      # mixed targets are smoothed already
        entropy = functional.cross_entropy(logits, targets, label_smoothing=smoothing)
        if self.distillation is None or teacher is None:
            return entropy
        alpha, temperature = self.distillation.alpha, self.distillation.temperature
        student, teacher = (functional.log_softmax(answers / temperature, 1) for answers in (logits, teacher))
        divergence = functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
        return (1 - alpha) * entropy + alpha * temperature ** 2 * divergence


def right(models: Sequence[torch.nn.Module], batches: Any, device: torch.device) -> Tensor:
    """Of how many test images each model's highest class is their label, [models]; all in eval mode."""
    counts = torch.zeros(len(models))
    with torch.inference_mode():
        for images, labels in batches:
            inputs = images.to(device).contiguous(memory_format=torch.channels_last)
            counts += torch.tensor([int((model(inputs).argmax(1).cpu() == labels).sum()) for model in models])
    return counts
