"""A lower precision that is slower than fp32 says so; and devices that cannot compute in half precision refuse it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ghostdeploy.benchmark.precision_cost import told
from ghostdeploy.benchmark.ratio import paired
from ghostdeploy.benchmark.result import Result
from ghostdeploy.device.base import ArtifactKind, DeviceInfo
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.device.phone.equipment import refusal
from ghostdeploy.device.suitable import that_run_on
from ghostdeploy.errors import ArtifactRejected, GhostdeployError
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.phone_errors import DeviceUnsuitable
from ghostdeploy.progress import SILENT
from tests.synthetic_results import synthetic


def measured(precision: Precision, factor: float, bundle: str = "small", emulated: bool = False) -> Result:
    """The synthetic result, `factor` times as slow; with other noise for each precision, the same in every process."""
    plain = synthetic(seed=("fp32", "fp16", "int8").index(precision))
    rounds = tuple(replace(r, samples_ns=tuple(int(s * factor) for s in r.samples_ns)) for r in plain.rounds)
    return replace(plain, rounds=rounds, model=replace(plain.model, precision=precision, bundle=bundle),
                   device=replace(plain.device, emulated=emulated))


def codes(result: Result) -> set[str]:
    return {reason.code for reason in result.summary.reasons}


def test_slower_than_fp32_is_said_with_the_ratio() -> None:
    whole, half = told([measured("fp32", 1.0), measured("fp16", 1.3)])
    assert "slower-than-fp32" in codes(half) and "slower-than-fp32" not in codes(whole)
    (reason,) = (r for r in half.summary.reasons if r.code == "slower-than-fp32")
    assert "fp16 takes 1.3" in reason.text and not reason.invalidates
    assert half.summary.valid == whole.summary.valid


@pytest.mark.parametrize("other", [
    measured("int8", 0.7), measured("int8", 1.0005), measured("int8", 1.3, bundle="another"),
    measured("int8", 1.3, emulated=True)], ids=["faster", "within the noise", "another bundle", "emulated"])
def test_nothing_is_said_without_cause(other: Result) -> None:
    assert "slower-than-fp32" not in codes(told([measured("fp32", 1.0), other])[1])


def test_one_round_is_no_evidence() -> None:
    pair = [replace(each, rounds=each.rounds[:1]) for each in (measured("fp32", 1.0), measured("fp16", 2.0))]
    assert told(pair) == pair


def test_a_drift_that_both_share_cancels() -> None:
    ratio = paired([1.1, 2.2, 3.3, 4.4], [1.0, 2.0, 3.0, 4.0])
    assert ratio.value == pytest.approx(1.1) and ratio.high - ratio.low < 1e-9 and ratio.confidence == 0.95
    assert paired([2.0], [1.0]).confidence == 0.0
    with pytest.raises(ValueError, match="no rounds"):
        paired([], [])


OLD = DeviceInfo("android", "OLD1", None, None, None, "arm64-v8a", "Android 9", "9", 28, "4.4", 4096, 4_000_000, (),
                 ("asimd",), ())
PTE, TFLITE = ArtifactKind("m.pte", "pte", "fp16"), ArtifactKind("m.tflite", "tflite", "fp16")


class Old(LocalDevice):
    """This machine, which takes what the old phone takes."""

    def refusal(self, kind: ArtifactKind) -> GhostdeployError | None:     # type: ignore[override]
        return refusal(kind, OLD)


def test_half_precision_needs_cores_that_have_it() -> None:
    assert isinstance(refusal(PTE, OLD), DeviceUnsuitable)
    assert refusal(TFLITE, OLD) is None                              # computes in float32 there
    assert refusal(PTE, replace(OLD, features=("asimd", "asimdhp"))) is None
    assert refusal(replace(PTE, precision=None), OLD) is None        # a bare file does not say
    assert isinstance(refusal(ArtifactKind("m.onnx", "onnx", "fp32"), OLD), ArtifactRejected)


def test_what_does_not_run_is_left_out_and_nothing_left_is_an_error() -> None:
    assert that_run_on(Old(), [PTE, TFLITE], lambda kind: kind, SILENT) == [TFLITE]
    with pytest.raises(DeviceUnsuitable, match=r"m\.pte cannot run on OLD1"):
        that_run_on(Old(), [PTE], lambda kind: kind, SILENT)
