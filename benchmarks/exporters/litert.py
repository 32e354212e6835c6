"""litert-torch, Google's converter: `convert(module, inputs).export(file)`, as its README does."""

from __future__ import annotations

from pathlib import Path

import litert_torch
import torch
from torch import nn

from ghostdeploy.architecture import deployed


def export(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """One .tflite of the module as its own architecture merges its branches, which is what a careful user hands in.

    The converter merges nothing itself: of GhostNetV3 1.0x as trained it made 33 MB in 78 s of CPU time.
    """
    litert_torch.convert(deployed(module), (example,)).export(str(path))


def int8(module: nn.Module, example: torch.Tensor, path: Path) -> None:
    """The same, then static int8 by ai-edge-quantizer's own recipe, as litert-torch's README sends one there.

    Calibrated with one made-up input: the artifact is good for its costs alone.
    """
    from ai_edge_quantizer import quantizer, recipe

    export(module, example, path)
    made_up = torch.randn(example.shape, generator=torch.Generator().manual_seed(0)).numpy()
    of = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
    steps = of.calibrate({"serving_default": [{"args_0": made_up}]})
    path.write_bytes(of.quantize(steps).quantized_model)
