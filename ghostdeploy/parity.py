"""Does an artifact compute what its checkpoint computes? Asked with photos, in its own runtime, in a new process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ghostdeploy.device.base import Device
from ghostdeploy.device.job import Job
from ghostdeploy.errors import ParityFailed, UsageError
from ghostdeploy.lowering.artifact import Format, Precision, TensorSpec
from ghostdeploy.tensors import FloatArray

TOP = 5

# float32: what the project demands of every artifact; a model whose own float32 noise is larger is given twice that
# noise. Measured noise against float64 with BatchNorm variances and gammas drawn from 0.5..1.5, worst of 8 photos at
# 128x128: 4e-7 (GhostNetV3, EfficientNet-B0, MobileOne-S0) to 6.4e-6 (MobileNetV2).
FP32_LIMIT = 1e-5
FP32_NOISES = 2.0

# float16: a simulation rounds what is stored, and phones round every sum on its way too. Artifacts err 0.6 to 1.8 times
# as far as the simulation on x86, which sums in float32 (nine models of the zoo and a trained one, worst of 9 photos),
# and 1.2 to 5.7 times in an arm64 phone's arithmetic (six of them, both formats). Float32's own noise says less: the
# trained network's error was 15,000 to 17,500 times that on two CPUs, the zoo's 2,100 to 13,000 times.
# The floor is a step of float16; the ceiling finds gross mistakes where a network itself is as sensitive as that.
FP16_SIMULATIONS = 8.0
FP16_FLOOR = 1e-3
FP16_LIMIT = 5e-2

# Runtimes round sums to int8 in their own ways, so an artifact is not its simulation bit for bit. Against the
# checkpoint it errs about as far: 0.8 to 1.3 times (EfficientNet-Lite0, MobileNetV2, GhostNetV3 1.0x; both formats).
INT8_SIMULATIONS = 2.0

SECONDS_PER_INPUT = 5.0     # before it counts as a hang: far beyond any model of the zoo, on a busy machine too
START_SECONDS = 120.0


@dataclass(frozen=True)
class ArtifactUnderTest:
    """A model file and what is known of it. `inputs` and `outputs` None: the file's own word is taken.

    `half_arithmetic`: see `Job`.
    """

    path: Path
    format: Format
    precision: Precision
    inputs: tuple[TensorSpec, ...] | None = None
    outputs: tuple[TensorSpec, ...] | None = None
    half_arithmetic: bool = False


@dataclass(frozen=True)
class InputParity:
    """Agreement on one input. `snr_db` is None where the outputs are bit-exact (no noise)."""

    name: str
    max_abs_error: float
    max_rel_error: float
    snr_db: float | None
    top1_agrees: bool
    top5_overlap: float


@dataclass(frozen=True)
class Parity:
    """Agreement of an artifact's outputs with the reference, over all inputs.

    Attributes:
        max_abs_error: largest absolute difference.
        max_rel_error: worst over the inputs of max|difference| / max|reference|: no input hides behind a louder one.
        snr_db: signal power over noise power, over all inputs together; None where bit-exact.
        top1_agreement: share of inputs whose highest class is the same.
        top5_agreement: mean share of the reference's five highest classes among the artifact's five.
        reference_spread: how much the reference depends on the input: max|ref_i - ref_0| / max|ref|. Near 0 (random
            weights without randomised norms) agreement proves little.
        inputs: number of inputs; `source` says what they are.
        limit: what `max_rel_error` was held against.
    """

    max_abs_error: float
    max_rel_error: float
    snr_db: float | None
    top1_agreement: float
    top5_agreement: float
    reference_spread: float
    inputs: int
    source: str
    limit: float
    details: tuple[InputParity, ...]

    @property
    def passed(self) -> bool:
        """True where the error is within the limit. Classes are reported and do not decide: near ties flip."""
        return self.max_rel_error <= self.limit

    def enforce(self, artifact: str) -> None:
        """Do nothing, or fail with the figures.

        Raises:
            ParityFailed: the error is above the limit.
        """
        if not self.passed:
            worst = max(self.details, key=lambda detail: detail.max_rel_error)
            raise ParityFailed(
                f"{artifact} differs from its checkpoint by {self.max_rel_error:.2e} relative (limit {self.limit:.1e})",
                f"worst on {worst.name}: max abs error {worst.max_abs_error:.2e}; "
                f"top-1 agrees on {self.top1_agreement:.0%} of {self.inputs} inputs",
                "do not ship this artifact; report it with the model's name")


def limit_for(precision: Precision, noise: float | None = None, simulated: float | None = None) -> float:
    """The relative error that an artifact may have.

    Args:
        noise: for fp32, the checkpoint's own float32 noise, as fusion's proof measured it (`fusion.proof.Measured`).
        simulated: what the precision costs in theory: the error of its simulation on the same images
            (`simulation.simulated_error`).

    Raises:
        UsageError: fp16 or int8 without its simulation's error: what they cost differs from model to model.
    """
    if precision == "fp32":
        return max(FP32_LIMIT, FP32_NOISES * (noise or 0.0))
    if simulated is None:
        raise UsageError(f"there is no parity limit for {precision} by itself",
                         "it is a multiple of the simulation's own error", "give that error")
    if precision == "fp16":
        return min(max(FP16_FLOOR, FP16_SIMULATIONS * simulated), FP16_LIMIT)
    return INT8_SIMULATIONS * simulated


def check(artifact: ArtifactUnderTest, images: FloatArray, reference: FloatArray, device: Device, *, limit: float,
          names: Sequence[str] | None = None, source: str = "images") -> Parity:
    """Run `artifact` on every image, one by one, in one fresh process on `device`, and compare with `reference`.

    Args:
        images: [N, C, H, W], already as the artifact wants them (normalised, or raw where it normalises itself).
        reference: the checkpoint's own outputs, [N, ...].
        names: one per image; by default their numbers.

    Raises:
        ParityFailed: an output is not finite, or the reference proves nothing; an error above the limit does *not*
            raise: see `Parity.passed` and `Parity.enforce`.
        DeviceError, ArtifactRejected: see `Device.run`.
    """
    return compare_outputs(reference, outputs_of(artifact, images, device), limit=limit, names=names, source=source)


def outputs_of(artifact: ArtifactUnderTest, images: FloatArray, device: Device) -> FloatArray:
    """What `artifact` answers to images [N, C, H, W], one by one in one fresh process on `device`: [N, ...].

    Raises:
        DeviceError, ArtifactRejected: see `Device.run`.
    """
    job = Job(artifact.path, artifact.format, "infer", artifact.inputs, artifact.outputs,
              deadline_s=START_SECONDS + SECONDS_PER_INPUT * len(images), half_arithmetic=artifact.half_arithmetic)
    run = device.run(job, [(image[None],) for image in images])
    return np.concatenate([sample[0] for sample in run.outputs])


def compare_outputs(reference: FloatArray, outputs: FloatArray, *, limit: float, names: Sequence[str] | None = None,
                    source: str = "images") -> Parity:
    """Compare outputs [N, ...] with the reference of the same shape; classes are the flattened rest.

    Raises:
        ParityFailed: shapes differ, a value is not finite, or a reference is zero everywhere (it would prove nothing).
    """
    labels = tuple(names) if names is not None else tuple(str(i) for i in range(len(reference)))
    wanted, got = _flat(reference), _flat(outputs)
    _comparable(wanted, got, labels)
    details = tuple(_one(name, r, o) for name, r, o in zip(labels, wanted, got, strict=True))
    spread = float(np.abs(wanted - wanted[:1]).max() / np.abs(wanted).max())
    return Parity(
        max_abs_error=max(d.max_abs_error for d in details), max_rel_error=max(d.max_rel_error for d in details),
        snr_db=_snr_db(wanted, got), top1_agreement=float(np.mean([d.top1_agrees for d in details])),
        top5_agreement=float(np.mean([d.top5_overlap for d in details])), reference_spread=spread, inputs=len(details),
        source=source, limit=limit, details=details)


def relative_error(reference: FloatArray, outputs: FloatArray) -> float:
    """Worst over the inputs of max|difference| / max|reference|; arrays are [N, ...].

    Raises:
        ParityFailed: as `compare_outputs`.
    """
    return compare_outputs(reference, outputs, limit=0.0).max_rel_error


def _flat(array: Any) -> Any:
    wide = np.asarray(array, np.float64)
    return wide.reshape(len(wide), math.prod(wide.shape[1:]))


def _comparable(wanted: Any, got: Any, labels: Sequence[str]) -> None:
    if wanted.shape != got.shape or not len(wanted) or len(labels) != len(wanted):
        raise ParityFailed(f"outputs have shape {got.shape}, the reference {wanted.shape} for {len(labels)} inputs",
                           "they are not outputs of the same model on the same inputs", "export the bundle again")
    for side, array in (("output", got), ("reference", wanted)):
        for label, row in zip(labels, array, strict=True):
            if not np.isfinite(row).all():
                raise ParityFailed(f"the {side} for {label} holds NaN or Inf", "",
                                   "check the checkpoint's weights and the input's normalisation")
    for label, row in zip(labels, wanted, strict=True):
        if not row.any():
            raise ParityFailed(f"the reference for {label} is zero everywhere", "agreement with it would prove nothing",
                               "use weights that give an output")


def _one(name: str, wanted: Any, got: Any) -> InputParity:
    error = float(np.abs(got - wanted).max())
    count = min(TOP, len(wanted))
    # A stable order: equal values rank by their index in both.
    top_wanted, top_got = (np.argsort(-row, kind="stable")[:count] for row in (wanted, got))
    return InputParity(name, error, error / float(np.abs(wanted).max()), _snr_db(wanted, got),
                       bool(top_wanted[0] == top_got[0]), len(set(top_wanted) & set(top_got)) / count)


def _snr_db(wanted: Any, got: Any) -> float | None:
    noise = float(np.square(got - wanted).sum())
    return None if noise == 0 else float(10 * np.log10(np.square(wanted).sum() / noise))
