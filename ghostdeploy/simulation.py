"""What a precision costs a network in theory, on any CPU alike: the yardstick of artifacts that round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from ghostdeploy.fusion.evaluate import Evaluation
from ghostdeploy.parity import relative_error
from ghostdeploy.tensors import FloatArray

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


def simulated_error(simulation: Callable[[torch.Tensor], torch.Tensor], inputs: FloatArray,
                    reference: FloatArray) -> float:
    """Worst relative error of a precision's simulation over `inputs`, against the checkpoint's own answers.

    Raises:
        ParityFailed: an answer is not finite.
    """
    with torch.no_grad():
        found = [simulation(torch.from_numpy(each[None])).numpy() for each in inputs]
    return relative_error(reference, np.concatenate(found))
