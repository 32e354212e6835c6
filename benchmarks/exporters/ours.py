"""Our own path, as `ghostdeploy export --target host` goes it, less the check on photos."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.fx import GraphModule

from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.tuning import shipped


def pte(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .pte."""
    _pte(fuse(module, example).module, example, path)


def tflite(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .tflite."""
    _tflite(fuse(module, example).module, example, path)


def both(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Both formats of one fusion: the .tflite at `path`, the .pte beside it."""
    graph = fuse(module, example).module
    _tflite(graph, example, path)
    _pte(graph, example, path.with_suffix(".pte"))


def _pte(graph: GraphModule, example: torch.Tensor, path: Path) -> None:
    path.write_bytes(lower_pte(graph, example, wanted=shipped("host").wanted("pte", "fp32")).data)


def _tflite(graph: GraphModule, example: torch.Tensor, path: Path) -> None:
    path.write_bytes(lower_tflite(graph, example, wanted=shipped("host").wanted("tflite", "fp32"),
                                  phones=False).data)
