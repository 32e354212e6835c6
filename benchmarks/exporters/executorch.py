"""Stock ExecuTorch: `torch.export`, XnnpackPartitioner with its defaults, as ExecuTorch's guide for XNNPACK does."""

from __future__ import annotations

from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from torch import nn

from ghostdeploy.fusion import fuse


def unfused(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Of the module as the checkpoint gives it, training branches included."""
    with torch.no_grad():
        program = torch.export.export(module, (example,))
        edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        path.write_bytes(edge.to_executorch().buffer)


def fused(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Of our fused graph: what is left to win by lowering alone."""
    unfused(fuse(module, example).module, example, path)
