"""Our own path, as `ghostdeploy export --target android` goes it, less the check on photos."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import nn

from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import CALIBRATED, Format, Precision
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.quantisation import Calibration
from ghostdeploy.tuning import shipped
from ghostdeploy.tuning.wanted import wanted_in


def _export(module: nn.Module, example: torch.Tensor, path: Path, *, format: Format, precision: Precision) -> None:
    graph = fuse(module, example).module
    wanted = wanted_in(shipped("android"), format, precision, example)
    # Costs hardly depend on steps, so one made-up input gives them: around zero, as normalised photographs are.
    made_up = torch.randn(example.shape, generator=torch.Generator().manual_seed(0))
    calibration = Calibration((made_up,)) if precision in CALIBRATED else None
    lower = lower_pte if format == "pte" else lower_tflite
    path.write_bytes(lower(graph, example, precision, wanted=wanted, calibration=calibration).data)


pte_fp32 = partial(_export, format="pte", precision="fp32")
pte_fp16 = partial(_export, format="pte", precision="fp16")
pte_int8 = partial(_export, format="pte", precision="int8")
pte_mixed = partial(_export, format="pte", precision="mixed")
tflite_fp32 = partial(_export, format="tflite", precision="fp32")
tflite_fp16 = partial(_export, format="tflite", precision="fp16")
tflite_int8 = partial(_export, format="tflite", precision="int8")
