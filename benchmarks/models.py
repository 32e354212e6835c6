"""What is compared: the models, and the weights that every peer gets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.digest import sha256
from ghostdeploy.loading import SEED, load
from ghostdeploy.model import Model

MODELS = (
    "ghostnetv3_050", "ghostnetv3_100", "ghostnetv3_130", "ghostnetv3_160", "ghostnet_100", "ghostnetv2_100",
    "mobilenetv1_100", "mobilenetv2_100", "mobilenetv3_large_100", "shufflenet_v2_x1_0", "mnasnet_100", "fbnetc_100",
    "mixnet_s", "efficientnet_b0", "mobileone_s0", "mobileone_s1", "mobilevit_xs", "deit_tiny_patch16_224",
)
QUICK = ("ghostnetv3_100", "mobilenetv2_100")


@dataclass(frozen=True)
class Source:
    """Where a model comes from, small enough to be handed to another process, which loads it again.

    Attributes:
        model: a card of the zoo, or `package.module:factory`.
        checkpoint: None for random weights with randomised BatchNorm statistics, the same in every process.
        input_size: None for the card's own.
    """

    model: str
    checkpoint: Path | None = None
    input_size: int | None = None

    def load(self) -> Model:
        """The model in evaluation mode; see `ghostdeploy.load` for what it raises."""
        loaded = load(self.checkpoint, model=self.model, random_weights=self.checkpoint is None,
                      input_size=self.input_size)
        loaded.module.eval()
        return loaded

    @property
    def weights(self) -> str:
        """What the weights are, in words."""
        return "random" if self.checkpoint is None else self.checkpoint.name

    def key(self) -> str:
        """The same for the same model with the same weights."""
        weights = f"random {SEED}" if self.checkpoint is None else sha256(self.checkpoint)
        return hashlib.sha256(json.dumps([self.model, weights, self.input_size]).encode()).hexdigest()
