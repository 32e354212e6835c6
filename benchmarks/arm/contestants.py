"""Who is compared, by arm64 instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

from ghostdeploy.lowering.artifact import Format, Precision

Export = Callable[[nn.Module, torch.Tensor, Path], None]
QUICK: Final = ("ghostnetv3_100", "mobilenetv2_100")
MODELS: Final = (
    "ghostnetv3_100", "mobilenetv2_100", "ghostnetv3_050", "ghostnetv3_130", "ghostnetv3_160", "ghostnet_100",
    "ghostnetv2_100", "mobilenetv1_100", "mobilenetv3_large_100", "shufflenet_v2_x1_0", "mnasnet_100", "fbnetc_100",
    "mixnet_s", "efficientnet_b0", "mobileone_s0", "mobileone_s1", "mobilevit_xs", "deit_tiny_patch16_224",
)


@dataclass(frozen=True)
class Contestant:
    """One way from a module to a file that a phone runs.

    Attributes:
        export: writes the file; imports what it needs itself, for it runs in `environment`.
        half_arithmetic: the runtime is asked for it.
        environment: folder of the virtual environment; None is this one.
    """

    name: str
    format: Format
    precision: Precision
    export: Export
    half_arithmetic: bool = False
    environment: str | None = None


def _ours(format: Format, precision: Precision) -> Export:
    def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
        from ghostdeploy.fusion import fuse

        graph = fuse(module, example).module
        if format == "pte":
            from ghostdeploy.lowering.executorch import lower_pte

            path.write_bytes(lower_pte(graph, example, precision).data)
        else:
            from ghostdeploy.lowering.tflite import lower_tflite

            path.write_bytes(lower_tflite(graph, example, precision).data)

    return export


def _stock(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """ExecuTorch's own way: `torch.export`, XnnpackPartitioner with its defaults."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    with torch.no_grad():
        program = torch.export.export(module, (example,))
        edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        path.write_bytes(edge.to_executorch().buffer)


def _stock_fused(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """The same of our fused graph: what is left to win by lowering alone."""
    from ghostdeploy.fusion import fuse

    _stock(fuse(module, example).module, example, path)


def _litert(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """litert-torch, as the comparison of latencies has it (benchmarks/exporters/litert.py)."""
    from benchmarks.exporters.litert import export

    export(module, example, path)


CONTESTANTS: Final = (
    Contestant("ours .pte", "pte", "fp32", _ours("pte", "fp32")),
    Contestant("ours .tflite", "tflite", "fp32", _ours("tflite", "fp32")),
    Contestant("stock ExecuTorch, fused by us", "pte", "fp32", _stock_fused),
    Contestant("stock ExecuTorch, unfused", "pte", "fp32", _stock),
    Contestant("litert-torch", "tflite", "fp32", _litert, environment=".venv-litert"),
    Contestant("ours .pte", "pte", "fp16", _ours("pte", "fp16")),
    Contestant("ours .tflite", "tflite", "fp16", _ours("tflite", "fp16"), half_arithmetic=True),
)
