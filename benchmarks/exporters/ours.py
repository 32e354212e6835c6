"""Our own path: fuse with its proof, then lower. What `ghostdeploy export` does, less the check on photos."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import lower_tflite


def pte(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .pte."""
    path.write_bytes(lower_pte(fuse(module, example).module, example).data)


def tflite(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .tflite."""
    path.write_bytes(lower_tflite(fuse(module, example).module, example).data)


def both(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Both formats of one fusion: the .tflite at `path`, the .pte beside it."""
    graph = fuse(module, example).module
    path.write_bytes(lower_tflite(graph, example).data)
    path.with_suffix(".pte").write_bytes(lower_pte(graph, example).data)
