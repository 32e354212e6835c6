"""litert-torch, Google's converter: `convert(module, inputs).export(file)`, as its README does."""

from __future__ import annotations

from pathlib import Path

import litert_torch
import torch
from torch import nn


def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .tflite of the module as the checkpoint gives it; the converter folds BatchNorm itself."""
    litert_torch.convert(module, (example,)).export(str(path))
