"""The rows of others, and of ours in some precisions, out of an earlier result, where only the rest has changed.

Counts repeat (ONNX Runtime's within 1 %), so an old one is as good as a new one as long as nothing that it depends on
has changed. What can be checked is: the emulated CPU, the emulator, torch, the runtimes' libraries, and the network.
That fusion and the exporters of these rows are what they were is the caller's word.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.arm import onnxruntime
from benchmarks.arm.contestants import CONTESTANTS
from benchmarks.arm.result import ArmResult, ModelRows, Row
from ghostdeploy.device.android.pinned import pinned
from ghostdeploy.device.arm_instructions.emulated import runtime_of
from ghostdeploy.errors import UsageError


def with_others(ours: ModelRows, earlier: ArmResult, cpu: str) -> ModelRows:
    """`ours` with all other rows of the same model, in the order of the contestants.

    Raises:
        UsageError: `earlier` lacks a row, or was counted under other conditions.
    """
    if (earlier.cpu, earlier.torch) != (cpu, torch.__version__):
        raise _unfit(f"it was counted for {earlier.cpu} with torch {earlier.torch}, not for {cpu} with "
                     f"{torch.__version__}")
    then = next((model for model in earlier.models if model.model == ours.model), None)
    if then is None or (then.macs, then.input_size) != (ours.macs, ours.input_size):
        raise _unfit(f"{ours.model} is not in it, or is another network there")
    return ModelRows(ours.model, ours.input_size, ours.macs, tuple(_rows(ours, then)))


def _rows(ours: ModelRows, then: ModelRows) -> Iterator[Row]:
    now = {(row.contestant, row.precision): row for row in ours.rows}
    before = {(row.contestant, row.precision): row for row in then.rows}
    for contestant in CONTESTANTS:
        key = (contestant.name, contestant.precision)
        if key in now:
            yield now[key]
        elif key not in before:
            raise _unfit(f"it has no {contestant.name} in {contestant.precision} of {ours.model}")
        else:
            _same_runtime(before[key], ours)
            yield before[key]


def _same_runtime(row: Row, ours: ModelRows) -> None:
    """Raises: UsageError, where a row has another runtime than what is pinned, or another emulator than ours have."""
    then = row.instructions
    if then is None:
        return
    emulators = {each.instructions.emulator for each in ours.rows if each.instructions is not None}
    if row.format == "onnx":
        same = then.runtime.version == onnxruntime.VERSION
    else:
        same = then.runtime.sha256 == pinned(runtime_of(row.format)).libraries["arm64-v8a"].sha256
    if not same or (emulators and then.emulator not in emulators):      # none, where ours all failed
        raise _unfit(f"{row.contestant} was counted in {then.runtime.name} {then.runtime.version} under "
                     f"{then.emulator}, which is not what is here now")


def _unfit(why: str) -> UsageError:
    return UsageError("the others' rows cannot be taken from that result", why, "count them: leave out --others-from")
