"""What is written by default, on the TFLite that phones get here: loads in 2.14, is one delegate, and is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torchvision
from torch import nn

from tests.randomise import randomise_norms
from tests.tools.tflite_cases import CASES, OUTSIDE_214, UNDELEGATED
from tests.tools.tflite_check import foreign, noise, run_module

# One of each family of blocks, small. 224 pixels where the last maps are odd (GhostNetV3 upsamples 3x3 to 7x7 there).
MODELS = {"ghostnetv3_050": 224, "mobilenetv3_small_050": 64, "mixnet_s": 64, "tv:shufflenet_v2_x0_5": 64,
          "tv:squeezenet1_1": 64, "tf_efficientnet_lite0": 64, "fastvit_t8": 64, "repvit_m0_9": 64}
MODEL_TOLERANCE = 1e-5  # relative, of both runtimes against eager and of one against the other
OPERATOR_TOLERANCE = 2e-6


def build(name: str) -> nn.Module:
    """A model with random weights and random norms; re-parameterised by timm, so that nothing here waits for fusion."""
    if name.startswith("tv:"):
        return randomise_norms(torchvision.models.get_model(name[3:], weights=None)).eval()
    model = randomise_norms(timm.create_model(name, pretrained=False)).eval()
    return timm.utils.reparameterize_model(model)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Everything lowered here, run there, in one process."""
    folder = tmp_path_factory.mktemp("tflite214")
    subjects = {**CASES, **UNDELEGATED, **{name: (build(name), (1, 3, size, size)) for name, size in MODELS.items()}}
    files: list[str] = []
    for i, (module, shape) in enumerate(subjects.values()):
        outcome = run_module(module, noise(*shape))
        assert outcome.error <= MODEL_TOLERANCE
        files += [str(_save(folder / f"{i}.tflite", outcome.lowered.data)), str(folder / f"{i}.npz")]
        np.savez(files[-1], x=outcome.x, y=outcome.y)
    return dict(zip(subjects, foreign("tflite214", "run_tflite214.py", *files), strict=True))


@pytest.mark.parametrize("name", [*CASES, *MODELS])
def test_runs_whole_in_one_delegate(answers: dict[str, dict[str, Any]], name: str) -> None:
    assert answers[name]["outside"] == {}
    assert answers[name]["delegates"] == 1


@pytest.mark.parametrize("name", UNDELEGATED)
def test_what_is_not_delegated_is_known_and_right(answers: dict[str, dict[str, Any]], name: str) -> None:
    assert set(answers[name]["outside"]) == OUTSIDE_214[name]


@pytest.mark.parametrize("name", [*CASES, *UNDELEGATED, *MODELS])
def test_computes_what_litert_computes(answers: dict[str, dict[str, Any]], name: str) -> None:
    assert answers[name]["difference"] is not None
    assert answers[name]["difference"] <= (MODEL_TOLERANCE if name in MODELS else OPERATOR_TOLERANCE)


def _save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
