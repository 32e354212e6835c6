"""ONNX of our fused graph, for ONNX Runtime and OpenVINO: neither re-parameterises, so both get that for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.onnx import lower_onnx


def fused(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .onnx, simplified and checked."""
    path.write_bytes(lower_onnx(fuse(module, example).module, example).data)


def fused_int8(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """The same in int8, static and per channel, as ONNX Runtime's guide does it: QDQ after its own preparation.

    Calibrated with one made-up input: the artifact is good for its costs alone.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class OneInput(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            made_up = torch.randn(example.shape, generator=torch.Generator().manual_seed(0)).numpy()
            self.left = [{onnx.load(path).graph.input[0].name: made_up}]

        def get_next(self) -> dict[str, Any] | None:
            return self.left.pop() if self.left else None

    fused(module, example, path)
    quant_pre_process(path, path)
    quantize_static(path, path, OneInput(), per_channel=True, activation_type=QuantType.QInt8,
                    weight_type=QuantType.QInt8)
