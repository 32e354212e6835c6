"""The rows of others, and of ours in some precisions, out of an earlier result, where only the rest has changed.

Counts repeat (ONNX Runtime's within 1 %), so an old one is as good as a new one as long as nothing that it depends on
has changed. What can be checked is: the emulated CPU, the emulator, torch, the runtimes' libraries, and the network.
That fusion and the exporters of these rows are what they were is the caller's word. Each row keeps its own day.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmarks.arm import onnxruntime
from benchmarks.arm.contestants import OURS
from benchmarks.arm.result import ArmResult, ModelRows, Row
from ghostdeploy.device.android.pinned import pinned
from ghostdeploy.device.arm_instructions.count import emulator
from ghostdeploy.device.arm_instructions.emulated import runtime_of
from ghostdeploy.errors import UsageError
from ghostdeploy.lowering.artifact import Precision

Counted = dict[tuple[str, Precision], Row]


def taken(now: ModelRows, earlier: ArmResult, cpu: str, recounted: Sequence[Precision]) -> Counted:
    """What need not be counted of `now.model`, by contestant and precision: others that `earlier` has, and, where
    `recounted` names precisions, ours in all others.

    Raises:
        UsageError: `earlier` was counted under other conditions, or lacks the model.
    """
    if (earlier.cpu, earlier.torch) != (cpu, torch.__version__):
        raise _unfit(f"it was counted for {earlier.cpu} with torch {earlier.torch}, not for {cpu} with "
                     f"{torch.__version__}")
    then = next((model for model in earlier.models if model.model == now.model), None)
    if then is None or (then.macs, then.input_size) != (now.macs, now.input_size):
        raise _unfit(f"{now.model} is not in it, or is another network there")
    anew = {(ours.name, ours.precision) for ours in OURS if not recounted or ours.precision in recounted}
    found = {(row.contestant, row.precision): row for row in then.rows}
    for row in found.values():
        _same_runtime(row)
    return {key: row for key, row in found.items() if key not in anew}


def _same_runtime(row: Row) -> None:
    """Raises: UsageError, where a row has another runtime than what is pinned, or another emulator than is here."""
    then = row.instructions
    if then is None:
        return
    if row.format == "onnx":
        same = then.runtime.version == onnxruntime.VERSION
    else:
        same = then.runtime.sha256 == pinned(runtime_of(row.format)).libraries["arm64-v8a"].sha256
    if not same or then.emulator != emulator():
        raise _unfit(f"{row.contestant} was counted in {then.runtime.name} {then.runtime.version} under "
                     f"{then.emulator}, which is not what is here now")


def _unfit(why: str) -> UsageError:
    return UsageError("the others' rows cannot be taken from that result", why, "count them: leave out --others-from")
