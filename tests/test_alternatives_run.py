"""Every alternative through the real runtimes: what is exact in eager mode must stay so in the artifact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.fx import Graph, GraphModule

from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.graph import new_constant
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.lowering.executorch import lower_pte
from ghostdeploy.lowering.passes import alternatives
from ghostdeploy.lowering.site import nowhere
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.trace import trace
from tests.ghosts import small

LOWER = {"pte": lower_pte, "tflite": lower_tflite}
EXAMPLE = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("format", ["pte", "tflite"])
@pytest.mark.parametrize("name", [alternative.name for alternative in alternatives(nowhere)])
def test_artifacts_with_an_alternative_everywhere_are_exact(name: str, format: Format, tmp_path: Path) -> None:
    """Sites of the first three appear in the network itself, sums once a concatenation moved past a convolution."""
    module = small()
    wanted = {name, "concatenation-past-depthwise"} if name == "pointwise-of-concatenation" else {name}
    lowered = LOWER[format](trace(module, EXAMPLE), EXAMPLE, wanted=lambda site: site.pass_name in wanted)
    assert dict(lowered.passes)[name] > 0
    path = tmp_path / f"model.{format}"
    path.write_bytes(lowered.data)
    run = LocalDevice().run(Job(path, format, "infer", lowered.inputs, lowered.outputs), [[EXAMPLE.numpy()]])
    with torch.no_grad():
        right = module(EXAMPLE).numpy()
    assert np.abs(run.outputs[0][0] - right).max() <= 1e-5 * np.abs(right).max()


def test_constants_cut_from_one_tensor_have_memory_of_their_own() -> None:
    """ExecuTorch took two slices of one tensor for the same constant: GhostNetV3 1.0x was wrong by 2e-2."""
    module, whole = GraphModule({}, Graph()), torch.arange(6.0)
    nodes = [new_constant(module, "part", whole[low:low + 3]) for low in (0, 3)]
    stored = [getattr(module, str(node.target)) for node in nodes]
    assert [value.tolist() for value in stored] == [[0, 1, 2], [3, 4, 5]]
    assert len({value.untyped_storage().data_ptr() for value in stored}) == 2
