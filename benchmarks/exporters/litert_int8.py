"""litert-torch's file in static int8, by ai-edge-quantizer's own recipe, as litert-torch's README sends one there."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe
from torch import nn

from benchmarks.exporters import litert


def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Calibrated with one made-up input: the artifact is good for its costs alone."""
    litert.export(module, example, path)
    made_up = torch.randn(example.shape, generator=torch.Generator().manual_seed(0)).numpy()
    of = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
    steps = of.calibrate({"serving_default": [{"args_0": made_up}]})
    path.write_bytes(_inside(bytes(of.quantize(steps).quantized_model)))


def _inside(model: bytes) -> bytes:
    """The same with its constants in their buffers. The quantizer puts them behind the flatbuffer, where TFLite 2.14,
    which phones get here, does not look ("Input tensor 102 lacks data" of MobileNetV2)."""
    unpacked = schema.ModelT.InitFromPackedBuf(model, 0)
    for buffer in unpacked.buffers:
        if buffer.size:
            buffer.data = list(model[buffer.offset:buffer.offset + buffer.size])
            buffer.offset = buffer.size = 0
    builder = flatbuffers.Builder(len(model))
    builder.Finish(unpacked.Pack(builder), b"TFL3")
    return bytes(builder.Output())
