"""What half precision costs a network in theory, on any CPU alike: every value rounded to float16 as it is stored."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule

from ghostdeploy.fusion.evaluate import Evaluation

LARGEST = torch.finfo(torch.float16).max


class HalfPrecision(Evaluation):
    """Computes every operator of `graph` in float32, from operands that were rounded to float16.

    Real half-precision arithmetic would be another on each CPU: torch has no such convolution on many, and runtimes
    round their sums at places of their own. What is too large for float16 becomes its largest number: wrong enough.
    """

    def __init__(self, graph: GraphModule) -> None:
        super().__init__(graph, torch.float32)

    def _cast(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value.clamp(-LARGEST, LARGEST).half().float()
        return value
