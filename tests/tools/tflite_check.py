"""What the TFLite tests share: lower a module, run it, compare with eager; find the environment of another runtime."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ghostdeploy.lowering.artifact import Lowered, Precision
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.lowering.tflite.delegation import load
from ghostdeploy.trace import trace
from tests.missing import missing

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """One module, lowered and run: the artifact, its input and output in memory order, the relative error."""

    lowered: Lowered
    x: np.ndarray
    y: np.ndarray
    error: float


def noise(*shape: int, seed: int = 3) -> torch.Tensor:
    """Reproducible normal noise."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run_module(module: nn.Module, x: torch.Tensor, precision: Precision = "fp32", *, phones: bool = True) -> Outcome:
    """Trace, lower and run `module` in LiteRT; the error is max|difference| / max|reference| against eager."""
    module = module.eval()
    with torch.no_grad():
        reference = module(x).numpy()
    lowered = lower_tflite(trace(module, x), x, precision, phones=phones)
    fed = nhwc(x.numpy())
    y = invoke(lowered.data, fed)
    reference = nhwc(reference)
    assert y.shape == reference.shape == lowered.outputs[0].shape
    error = float(np.abs(y - reference).max() / max(float(np.abs(reference).max()), 1e-30))
    return Outcome(lowered, fed, y, error)


def nhwc(array: np.ndarray) -> np.ndarray:
    """Maps as the artifact has them, anything else as it is."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if array.ndim == 4 else array


def invoke(model: bytes, x: np.ndarray) -> np.ndarray:
    """One inference in LiteRT."""
    interpreter = load(model)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def foreign(environment: str, script: str, *arguments: str) -> Any:
    """What `tests/tools/<script>` prints, run by the python of `.venv-<environment>`.

    Without that environment the test is skipped here and fails in CI, where `make test` makes it.
    """
    python = ROOT / f".venv-{environment}" / "bin" / "python"
    if not python.exists():
        missing(f"{python.parent.parent.name} is missing: `make test` sets it up")
    done = subprocess.run([python, ROOT / "tests" / "tools" / script, *arguments], capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
