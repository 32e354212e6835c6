"""The proof, in two steps: the algebra is right, and rounding its result cost no more than the original costs.

The algebra: before its constants are rounded, the fused graph evaluated in float64 equals the original in float64, to a
thousandth of one float32 step. No mistake hides behind noise here: float64's own is a million times smaller.

The rounding: exact is the original graph evaluated in float64. Its distance to the original in its own precision
(float32) is the noise that the user already lives with; the fused graph may have twice that and no more.

Noise is itself random: a maximum over the roundings that one input happened to hit. So both distances are maxima over
the same inputs: the example, and normal noise of its mean and spread (an example may be all zeros, and prove nothing).
While the rule does not hold, up to six more inputs are drawn, for both alike: a fused graph that is wrong stays wrong,
one that met an unlucky sample is judged on a better one.

The only floor: noise counts as at least four steps of the precision (4 eps, 4.8e-7 for float32), so errors of up to
8 eps = 9.5e-7 always pass. That is what the smallest graphs need and no more. One unfused 3x3 convolution over 12
channels has a noise of 5.0e-7; three RepVGG blocks of 16 channels have 3.4e-7 and 7.3e-7 once fused, because one
accumulator now adds 144 small products to a sum that the skip branch dominates, where three small sums met before.
That is rounding as any convolution has it. Networks as a whole have a noise of 2.4e-7 to 4.1e-6 (fourteen of the zoo),
and their fused forms stayed within twice of it without the floor's help.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule
from torch.utils import _pytree as pytree

from ghostdeploy.errors import FusionInexact
from ghostdeploy.fusion.affine import F64
from ghostdeploy.fusion.departure import first_departure
from ghostdeploy.fusion.evaluate import Evaluation

FACTOR = 2.0
FLOOR_STEPS = 4
FEWEST_INPUTS, MOST_INPUTS = 2, 8
# Over this many times the bound it was no bad luck: the blocks of the tests scatter by 1.5 from one input to the next.
BEYOND_LUCK = 10.0
# Float64 graphs of the zoo differ from their fused forms by 1e-15 to 1e-14; one weight that is off by 1e-4 shows as
# 1e-7 and more.
ALGEBRA_LIMIT = 1e-3 * torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class Measured:
    """Relative errors against float64, the worst of `inputs` inputs."""

    rel_error: float
    noise: float
    inputs: int


NOT_MEASURED = Measured(math.nan, math.nan, 0)


class Exact:
    """A graph in float64 on the inputs of the proof; each is computed once, though both steps ask for it."""

    def __init__(self, original: GraphModule, example: torch.Tensor) -> None:
        self.original = original
        self.dtype = torch.float32 if example.dtype == F64 else example.dtype    # what it will be lowered to
        self._untried = _inputs(example)
        self._tried: list[tuple[torch.Tensor, Any]] = []

    def trials(self) -> Iterator[tuple[torch.Tensor, Any]]:
        """Inputs with their exact outputs, at most `MOST_INPUTS`; the first is the example."""
        for i in range(MOST_INPUTS):
            if i == len(self._tried):
                x = next(self._untried)
                self._tried.append((x, Evaluation(self.original, F64).of(x)))
            yield self._tried[i]


def prove_algebra(exact: Exact, fused: GraphModule) -> None:
    """Compare both graphs in float64, on the example and on noise; the fused constants are not rounded yet.

    Raises:
        FusionInexact: they differ by more than `ALGEBRA_LIMIT`; the text names the node at which they depart.
    """
    for x, right in itertools.islice(exact.trials(), FEWEST_INPUTS):
        error = distance(Evaluation(fused, F64).of(x), right)
        if error <= ALGEBRA_LIMIT or not _finite(right):      # what is not finite `prove` reports
            continue
        where = first_departure(exact.original, fused, x, F64, error, ALGEBRA_LIMIT)
        raise FusionInexact(f"the fused graph differs from the original by {error:.2e} in float64, at {where}",
                            f"exact algebra differs by less than {ALGEBRA_LIMIT:.1e}: this is a bug in ghostdeploy",
                            "please report it with the model's name")


def _finite(values: Any) -> bool:
    return all(bool(v.isfinite().all()) for v in pytree.tree_leaves(values) if isinstance(v, torch.Tensor))


def prove(exact: Exact, fused: GraphModule) -> Measured:
    """Measure `fused` and the original in their own precision against the original in float64.

    Raises:
        FusionInexact: the error is over twice the noise; the text names the node at which the graphs depart.
    """
    dtype = exact.dtype
    floor = FLOOR_STEPS * torch.finfo(dtype).eps
    error = noise = 0.0
    for i, (x, right) in enumerate(exact.trials(), 1):
        noise = _worse(noise, distance(Evaluation(exact.original, dtype).of(x), right))
        error = _worse(error, distance(Evaluation(fused, dtype).of(x), right))
        if i >= FEWEST_INPUTS and math.isfinite(noise) and error <= FACTOR * max(noise, floor):
            return Measured(error, noise, i)
        if not error <= BEYOND_LUCK * FACTOR * max(noise, floor) or i == MOST_INPUTS:
            break
    if not math.isfinite(noise):
        raise FusionInexact("the original model's own output is not finite, so nothing can be proven about it",
                            "it holds NaN or infinity for a plain input", "look at the checkpoint's weights")
    where = first_departure(exact.original, fused, x, dtype, error, max(noise, floor))
    raise FusionInexact(
        f"the fused graph departs from the original by {error:.2e} of the largest output at {where}",
        f"the original's own {dtype} error is {noise:.2e}, and fusion may at most double it",
        "please report it with the model's name")


def distance(values: Any, exact: Any) -> float:
    """max|value - exact| / max|exact|, the worst of all floating-point outputs; NaN where one is not finite."""
    worst = 0.0
    for y, reference in zip(pytree.tree_leaves(values), pytree.tree_leaves(exact), strict=True):
        if isinstance(y, torch.Tensor) and y.is_floating_point() and y.numel():
            scale = float(reference.abs().max()) or 1.0
            worst = _worse(worst, float((y.to(F64) - reference).abs().max()) / scale)
    return worst


def _worse(a: float, b: float) -> float:
    """The larger one; NaN is the worst."""
    return b if math.isnan(b) or b > a else a


def _inputs(example: torch.Tensor) -> Iterator[torch.Tensor]:
    yield example
    generator = torch.Generator().manual_seed(0)
    mean, spread = float(example.double().mean()), float(example.double().std(correction=0)) or 1.0
    for _ in range(MOST_INPUTS - 1):
        yield (torch.randn(example.shape, generator=generator, dtype=F64) * spread + mean).to(example.dtype)
