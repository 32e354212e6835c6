"""Who is compared, by arm64 instructions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import torch
from torch import nn

from ghostdeploy.lowering.artifact import CALIBRATED, Format, Precision
from ghostdeploy.quantisation import Calibration

Export = Callable[[nn.Module, torch.Tensor, Path], None]


@dataclass(frozen=True)
class Contestant:
    """One way from a module to a file that a phone runs.

    Attributes:
        export: writes the file; imports what it needs itself, for it runs in `environment`.
        ours: what this project writes.
        half_arithmetic: the runtime is asked for it.
        environment: folder of the virtual environment; None is this one.
    """

    name: str
    format: Format
    precision: Precision
    export: Export
    ours: bool = False
    half_arithmetic: bool = False
    environment: str | None = None


def _ours(format: Format, precision: Precision) -> Export:
    """What `ghostdeploy export --target android` writes, less the check on photos."""
    def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
        from ghostdeploy.fusion import fuse
        from ghostdeploy.tuning import shipped
        from ghostdeploy.tuning.wanted import wanted_in

        wanted = wanted_in(shipped("android"), format, precision, example)
        graph = fuse(module, example).module
        # Costs hardly depend on steps, so one made-up input gives them: around zero, as normalised photographs are.
        made_up = torch.randn(example.shape, generator=torch.Generator().manual_seed(0))
        calibration = Calibration((made_up,)) if precision in CALIBRATED else None
        if format == "pte":
            from ghostdeploy.lowering.executorch import lower_pte

            path.write_bytes(lower_pte(graph, example, precision, wanted=wanted, calibration=calibration).data)
        else:
            from ghostdeploy.lowering.tflite import lower_tflite

            path.write_bytes(lower_tflite(graph, example, precision, wanted=wanted, calibration=calibration).data)

    return export


def _peer(package: str, function: str) -> Export:
    """As the comparison of latencies has it: benchmarks/exporters."""
    def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
        getattr(import_module(f"benchmarks.exporters.{package}"), function)(module, example, path)

    return export


CONTESTANTS: Final = (
    Contestant("ours .pte", "pte", "fp32", _ours("pte", "fp32"), ours=True),
    Contestant("ours .tflite", "tflite", "fp32", _ours("tflite", "fp32"), ours=True),
    Contestant("stock ExecuTorch, fused by us", "pte", "fp32", _peer("executorch", "fused")),
    Contestant("stock ExecuTorch, unfused", "pte", "fp32", _peer("executorch", "unfused")),
    Contestant("litert-torch", "tflite", "fp32", _peer("litert", "export"), environment=".venv-litert"),
    Contestant("ONNX Runtime, fused by us", "onnx", "fp32", _peer("onnx", "fused")),
    Contestant("ours .pte", "pte", "fp16", _ours("pte", "fp16"), ours=True),
    Contestant("ours .tflite", "tflite", "fp16", _ours("tflite", "fp16"), ours=True, half_arithmetic=True),
    Contestant("ours .pte", "pte", "int8", _ours("pte", "int8"), ours=True),
    Contestant("ours .tflite", "tflite", "int8", _ours("tflite", "int8"), ours=True),
    Contestant("stock ExecuTorch, fused by us", "pte", "int8", _peer("executorch", "fused_int8")),
    Contestant("ours .pte", "pte", "mixed", _ours("pte", "mixed"), ours=True),
)
OURS: Final = tuple(contestant for contestant in CONTESTANTS if contestant.ours)
