"""ONNX of our fused graph, for ONNX Runtime and OpenVINO: neither re-parameterises, so both get that for nothing."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.onnx import lower_onnx


def fused(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .onnx, simplified and checked."""
    path.write_bytes(lower_onnx(fuse(module, example).module, example).data)
