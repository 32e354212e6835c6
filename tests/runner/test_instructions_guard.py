"""What one inference costs on ARM may not change unnoticed: `tests/instructions.toml` has the recorded figures."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.fx import GraphModule

import ghostdeploy
from ghostdeploy.device.arm_instructions import count
from ghostdeploy.lowering.artifact import CALIBRATED
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.quantisation import Calibration
from ghostdeploy.tuning import shipped
from ghostdeploy.tuning.wanted import wanted_in

RECORD = Path(__file__).parents[1] / "instructions.toml"
RECORDED = tomllib.loads(RECORD.read_text())
FIGURES: list[dict[str, Any]] = RECORDED["figure"]
LOWERINGS = {"pte": lower_pte, "tflite": lower_tflite}
SIZE = 224


@cache
def fused(model: str) -> tuple[GraphModule, torch.Tensor]:
    """The deployed graph with random weights, traced once for every format."""
    example = torch.zeros(1, 3, SIZE, SIZE)
    return ghostdeploy.fuse(ghostdeploy.load(model=model, random_weights=True).module, example).module, example


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: " ".join(map(str, list(figure.values())[:3])))
def test_instructions_are_as_recorded(figure: dict[str, Any], tmp_path: Path) -> None:
    graph, example = fused(figure["model"])
    path = tmp_path / f"model.{figure['format']}"
    wanted = wanted_in(shipped("android"), figure["format"], figure["precision"], example)
    made_up = torch.randn(example.shape, generator=torch.Generator().manual_seed(0))     # as photographs, around zero
    calibration = Calibration((made_up,)) if figure["precision"] in CALIBRATED else None
    path.write_bytes(LOWERINGS[figure["format"]](graph, example, figure["precision"], wanted=wanted,
                                                 calibration=calibration).data)
    found = count(path, figure["format"], cpu=RECORDED["cpu"], half_arithmetic=figure.get("half_arithmetic", False))
    change = found.per_inference / figure["instructions"] - 1
    name = f"{figure['model']} .{figure['format']} {figure['precision']}"
    advice = "It costs more on ARM: find out why; if that is wanted" if change > 0 else "It costs less: well done"
    assert abs(change) <= RECORDED["tolerance"], (
        f"{name}: {found.per_inference} instructions per inference, {change:+.2%} against {figure['instructions']} in "
        f"{RECORD.name}. {advice}, record {found.per_inference} in the same commit")
