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


def fused_fp16(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Of our fused graph cast to half precision, float32 outside: what ExecuTorch's guides mean by a half model."""
    unfused(_InHalf(fuse(module, example).module), example, path)


class _InHalf(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.half()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.module(image.half())
        return answer.float()


def fused_int8(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Of our fused graph in int8, static and per channel, as ExecuTorch's guide does it (PT2E, XNNPACKQuantizer).

    Calibrated with one made-up input: the artifact is good for its costs alone.
    """
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(torch.export.export(fuse(module, example).module, (example,)).module(), quantizer)
    prepared(torch.randn(example.shape, generator=torch.Generator().manual_seed(0)))
    unfused(convert_pt2e(prepared), example, path)
