"""From the operators that XNNPACK ran to the blocks of the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ghostdeploy.device.job import PartTime
from ghostdeploy.lowering.artifact import Stretch
from ghostdeploy.profiling.record import BlockTime

# Operators with weights, in TFLite's words and in XNNPACK's. XNNPACK writes them one for one and in the file's order;
# of the others it folds some (pads, reshapes, transposes) and adds some.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL")
WEIGHTED_INSIDE = ("Convolution", "Deconvolution", "Fully Connected", "Batch Matrix Multiply")


def operators(model: Path | bytes) -> tuple[str, ...]:
    """TFLite's names of a file's operators, in its order; those that a delegate replaced are still listed.

    Raises:
        ArtifactRejected: LiteRT does not load the file.
    """
    from ghostdeploy.lowering.tflite.delegation import load  # brings torch, and a bare profile needs none

    details = load(model)._get_ops_details()
    return tuple(str(each["op_name"]) for each in details if each["op_name"] != "DELEGATE")


def by_block(stretches: Sequence[Stretch], written: Sequence[str], ran: Sequence[PartTime]) -> tuple[BlockTime, ...]:
    """Time of each block: weighted operators are matched in order, and what runs between two belongs to the first.

    Empty where their numbers differ: nothing is guessed then.

    Args:
        stretches: blocks of the file's operators, in order.
        written: the file's operators, by TFLite's names.
        ran: what XNNPACK ran, by its names.
    """
    owners = [stretch.block for stretch in stretches for _ in range(stretch.operators)]
    if len(owners) != len(written):
        return ()
    anchors = [owner for owner, name in zip(owners, written, strict=True) if name in WEIGHTED]
    weighted = [part.name.startswith(WEIGHTED_INSIDE) for part in ran]
    if len(anchors) != sum(weighted) or not anchors:
        return ()
    totals: dict[str, float] = dict.fromkeys(anchors, 0.0)
    seen = 0
    for part, anchor in zip(ran, weighted, strict=True):
        seen += anchor
        totals[anchors[max(0, seen - 1)]] += part.ns
    return tuple(BlockTime(block, ns / 1e6) for block, ns in totals.items())
