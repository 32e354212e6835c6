"""What is written by default, on the TFLite that phones get here: loads in 2.14, is one delegate, and is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tools.tflite_cases import CASES, OUTSIDE_214, UNDELEGATED
from tests.tools.tflite_check import foreign, noise, run_module

TOLERANCE = 2e-6    # relative, of either runtime against eager and of one against the other


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Everything lowered here, run there, in one process."""
    folder = tmp_path_factory.mktemp("tflite214")
    subjects = {**CASES, **UNDELEGATED}
    files: list[str] = []
    for i, (module, shape) in enumerate(subjects.values()):
        outcome = run_module(module, noise(*shape))
        assert outcome.error <= TOLERANCE
        files += [str(_save(folder / f"{i}.tflite", outcome.lowered.data)), str(folder / f"{i}.npz")]
        np.savez(files[-1], x=outcome.x, y=outcome.y)
    return dict(zip(subjects, foreign("tflite214", "run_tflite214.py", *files), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_runs_whole_in_one_delegate(answers: dict[str, dict[str, Any]], name: str) -> None:
    assert answers[name]["outside"] == {}
    assert answers[name]["delegates"] == 1


@pytest.mark.parametrize("name", UNDELEGATED)
def test_what_is_not_delegated_is_known_and_right(answers: dict[str, dict[str, Any]], name: str) -> None:
    assert set(answers[name]["outside"]) == OUTSIDE_214[name]


@pytest.mark.parametrize("name", [*CASES, *UNDELEGATED])
def test_computes_what_litert_computes(answers: dict[str, dict[str, Any]], name: str) -> None:
    assert answers[name]["difference"] is not None
    assert answers[name]["difference"] <= TOLERANCE


def _save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
