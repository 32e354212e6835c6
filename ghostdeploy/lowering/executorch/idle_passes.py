"""XNNPACK's own passes over a partition, without those that would find nothing to do in it.

Each of them retraces the whole graph, found something or not, and two first trace the patterns that they look for. What
a pass can change is known by the operators that it looks for (executorch 1.4, backends/xnnpack/_passes); where a
graph has none of them, leaving the pass out gives the same bytes. GhostNetV3 1.0x, interleaved: 20 instead of 27 s CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from executorch.backends.xnnpack._passes import XNNPACKPassManager
from torch.export import ExportedProgram

# What each pass looks for, as part of an operator's name. A pass that is not listed always runs.
LOOKS_FOR: Final[dict[str, str]] = {
    "DimOrderOpsRevertPass": r"dim_order",
    "ConvertToUpsampleBilinear2d": r"index|gather",
    "PropagateCustomMetaPass": r"quantize",
    "ConvertToSDPAPass": r"softmax|scaled_dot_product",
    "FuseBatchNormPass": r"batch_norm",
    "DecomposeBatchNorm": r"batch_norm",
    "DecomposeConcatenate": r"cat",
    "RemoveGetItemPass": r"getitem|max_pool|max\.dim",
    "PReLUReshapePass": r"prelu",
    "Conv1dUnsqueezePass": r"conv1d|rank-3 convolution",
}


@contextmanager
def working_passes_only() -> Iterator[None]:
    """For the length of the block, idle passes are left out of every partition's preprocessing."""
    before = XNNPACKPassManager.transform

    def transform(manager: Any) -> ExportedProgram:
        held = _operators(manager.exported_program)
        manager.passes = [found for found in manager.passes if found.__name__ not in LOOKS_FOR
                          or re.search(LOOKS_FOR[found.__name__], held)]
        transformed: ExportedProgram = before(manager)
        return transformed

    XNNPACKPassManager.transform = transform
    try:
        yield
    finally:
        XNNPACKPassManager.transform = before


def _operators(program: ExportedProgram) -> str:
    """The names of all operators of the program, in one text."""
    names = set()
    for node in program.graph.nodes:
        if node.op == "call_function":
            names.add(getattr(node.target, "__name__", str(node.target)))
            if "convolution" in str(node.target) and node.args[0].meta["val"].dim() == 3:
                names.add("rank-3 convolution")
    return " ".join(sorted(names))
