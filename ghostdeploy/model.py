"""A model that can be exported: a module in inference mode, what it is, and where its weights come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import nn

from ghostdeploy.preprocessing import Preprocessing

if TYPE_CHECKING:
    from ghostdeploy.zoo import Card


@dataclass(frozen=True)
class Weights:
    """Where weights come from.

    `sha256` is that of the checkpoint file, `ema` says whether an exponential moving average was taken out of it,
    `form` is the form in which the file holds a re-parameterisable model.
    """

    kind: Literal["checkpoint", "module", "random"]
    file: str | None = None
    sha256: str | None = None
    ema: bool = False
    form: Literal["training", "deployed", "single"] = "single"


@dataclass(frozen=True)
class Model:
    """A module in eval mode, float32. `card` is None for an architecture of the user's own.

    `preprocessing_from` says who knows how photos become inputs: the model's card, the user, the training run that
    wrote the checkpoint, or nobody. Parity cannot tell a wrong one: checkpoint and artifacts see the same inputs.
    `labels` names the classes where the training run did.
    """

    module: nn.Module
    name: str
    weights: Weights
    preprocessing: Preprocessing
    classes: int | None = None
    card: Card | None = None
    preprocessing_from: Literal["card", "user", "training", "assumed"] = "assumed"
    labels: tuple[str, ...] | None = None
