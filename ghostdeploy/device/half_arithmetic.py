"""Arithmetic in half precision: which artifacts want it, and which CPUs have it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ghostdeploy.lowering.artifact import HALF, Format, Precision

# As Linux names it in /proc/cpuinfo (ARMv8.2-A FEAT_FP16, vectors). Cortex-A75 and A55 were the first to have it.
CPU_FEATURES: Final = ("asimdhp",)


@dataclass(frozen=True)
class Arithmetic:
    """What an artifact's floats are computed in.

    Attributes:
        by: `file`: its own tensors are float16, and without the features it does not run. `runtime`: its weights are
            float16, and the runtime is asked for it (TFLITE_XNNPACK_DELEGATE_FLAG_FORCE_FP16); without the features it
            runs in float32.
        cpu_features: what every core must have, on ARM.
    """

    dtype: Literal["float16"]
    by: Literal["file", "runtime"]
    cpu_features: tuple[str, ...]


def arithmetic(format: Format, precision: Precision) -> Arithmetic | None:
    """Half precision, where an artifact is computed in it on phones; else None."""
    if precision not in HALF or format == "onnx":
        return None
    return Arithmetic("float16", "runtime" if format == "tflite" else "file", CPU_FEATURES)


def can_compute_half(features: Iterable[str]) -> bool:
    """Whether a CPU with these features (of every core) has it."""
    return set(CPU_FEATURES) <= set(features)
