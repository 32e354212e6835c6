"""A recipe: everything that decides what a training run computes, each value with its source.

A TOML file with one table per part. `from` in a table says where its values come from; what no source publishes is
marked `ours`. `models/recipes/README.md` lists the entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Schedule = Literal["cosine", "step", "constant"]
Crop = Literal["resized", "padded", "none"]


@dataclass(frozen=True)
class ModelPart:
    """What is trained: a card of the zoo, in training form with `branches` copies of every convolution.

    `scale` adds the 1x1 branch to depthwise convolutions, `identity` the BatchNorm of the input where shapes allow. 0
    branches train the model without any. `drop` is the classifier's dropout rate. `start` is a checkpoint to begin
    with, whatever its classes; new branches are silent then, so that training begins with what it computed.
    """

    card: str
    branches: int = 3
    scale: bool = True
    identity: bool = True
    drop: float = 0.0
    start: str = ""


@dataclass(frozen=True)
class DataPart:
    """What it is trained on. `set` is a fetched set or a directory; images become `size` x `size` inputs.

    `crop` is the share of the resized image that a test input keeps (as `Preprocessing.crop`). `limit` trains on that
    many images, always the same; 0 is all.
    """

    set: str
    size: int
    crop: float = 0.875
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bicubic"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    limit: int = 0


@dataclass(frozen=True)
class AugmentationPart:
    """What happens to a training image.

    `crop`: `resized` takes a random part of an area in `scale`, `padded` a window of the size that may reach an eighth
    beyond the border (mirrored). `auto` is timm's description of RandAugment or AutoAugment (`rand-m9-mstd0.5`,
    `original`), empty for none. `erasing` is RandomErasing's probability; `mixup` and `cutmix` are their alphas.
    """

    crop: Crop = "resized"
    scale: tuple[float, float] = (0.08, 1.0)
    flip: float = 0.5
    colour_jitter: float = 0.0
    auto: str = ""
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0


@dataclass(frozen=True)
class OptimisationPart:
    """How weights move. `batch` is what one step sees, over all processes together; `lr` belongs to that batch.

    `warmup_epochs` rise linearly from `warmup_lr`; then `cosine` falls to `min_lr`, `step` multiplies by `decay_rate`
    every `decay_epochs`.
    """

    epochs: int
    batch: int
    lr: float
    optimiser: Literal["lamb", "sgd", "adamw"] = "lamb"
    beta1: float = 0.9
    weight_decay: float = 0.05
    clip: float = 1.0
    schedule: Schedule = "cosine"
    warmup_epochs: float = 0.0
    warmup_lr: float = 1e-4
    min_lr: float = 1e-5
    decay_epochs: float = 2.4
    decay_rate: float = 0.97
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class AveragePart:
    """The exponential moving average of the weights. `warmup` lets its decay grow with the steps, (1+n)^-2/3 short of 1
    until it reaches `decay`, so that a short run does not average the noise it began with."""

    decay: float = 0.9999
    warmup: bool = False


@dataclass(frozen=True)
class DistillationPart:
    """loss = (1 - alpha) * cross-entropy + alpha * temperature^2 * KL(teacher || student), both at `temperature`.

    `teacher` is a checkpoint file; it has the data's classes. `model` says what it is a checkpoint of where
    `ghostdeploy.load` does not recognise it: a card, or a factory such as `timm.models.resnet:resnet50`. `cached` runs
    it once over centre crops, instead of over what the student sees at every step.
    """

    teacher: str
    alpha: float = 0.5
    temperature: float = 1.0
    cached: bool = False
    model: str = ""


@dataclass(frozen=True)
class RunPart:
    """What the run itself needs: the seed of all randomness, precision, and how often it looks up.

    `evaluate_every` counts epochs.
    """

    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    evaluate_every: int = 1
    save_minutes: float = 5.0


@dataclass(frozen=True)
class Recipe:
    """See the module. `sources` names, for every value, who published it or that we chose it."""

    name: str
    title: str
    model: ModelPart
    data: DataPart
    optimisation: OptimisationPart
    augmentation: AugmentationPart = field(default_factory=AugmentationPart)
    average: AveragePart = field(default_factory=AveragePart)
    run: RunPart = field(default_factory=RunPart)
    distillation: DistillationPart | None = None
    sources: tuple[tuple[str, str], ...] = ()
