"""GhostNetV3 0.5x, really trained on CIFAR-10: weights in training form, and the log of the run that made them."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "ghostnetv3_050-cifar10.safetensors"
