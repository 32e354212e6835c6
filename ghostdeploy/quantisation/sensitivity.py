"""Which layers lose most in int8, and which to leave in float32 for the answers to stay the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch.fx import GraphModule, Node
from torch.utils import _pytree as pytree

from ghostdeploy.errors import UsageError
from ghostdeploy.graph import Example, inputs
from ghostdeploy.parity import compare_outputs
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.quantisation.kinds import Backend, carrier, operands
from ghostdeploy.quantisation.plan import Calibration, Planner, Quantisation
from ghostdeploy.quantisation.simulated import simulated
from ghostdeploy.tensors import FloatArray

# Inputs that each layer alone is tried on: ranks of layers, not figures, are what is wanted of it.
TRIED_ON: Final = 8


@dataclass(frozen=True)
class LayerLoss:
    """Signal over noise of the model's output with one layer in int8 and all others in float32; None: it is exact."""

    layer: str
    shape: tuple[int, ...]
    snr_db: float | None


@dataclass(frozen=True)
class Choice:
    """A plan, and the graph that torch runs by it.

    Attributes:
        kept_float: layers that it leaves in float32.
        losses: what each layer loses alone, the worst first, where that was asked for.
    """

    plan: Quantisation
    simulation: GraphModule
    kept_float: tuple[str, ...] = ()
    losses: tuple[LayerLoss, ...] = ()


def chosen(module: GraphModule, calibration: Calibration, backend: Backend, progress: Progress = SILENT) -> Choice:
    """The plan for a graph: everything in int8, or all but the worst layers until the wanted agreement is reached.

    Agreement is that of the simulation with the graph in float32, on the calibration's own inputs: what images kept
    back say stays unbiased.

    Raises:
        UsageError: an agreement is wanted of a graph of several outputs.
    """
    several = len(pytree.tree_leaves(module.graph.output_node().args)) > 1
    if several and calibration.agreement is not None:
        raise UsageError("layers cannot be kept in float32 until answers agree", "the model has several outputs, and "
                         "which of them is the answer is not known here", "export without --keep-float")
    planner = Planner(module, calibration.samples, backend)
    whole = planner.plan()
    if calibration.agreement is None:
        return Choice(whole, simulated(module, whole))
    agreement, exact = calibration.agreement, _outputs(module, calibration.samples)
    losses = _losses(module, whole, calibration.samples[:TRIED_ON], exact[:TRIED_ON], progress)
    worst = tuple(loss.layer for loss in losses)

    def agrees(count: int) -> bool:
        simulation = simulated(module, planner.plan(frozenset(worst[:count])))
        found = compare_outputs(exact, _outputs(simulation, calibration.samples), limit=0.0).top1_agreement
        progress.note(f"{count} layers in float32: top-1 agrees on {found:.1%} of the images calibrated with")
        return found >= agreement

    count = fewest(len(worst), agrees)
    plan = planner.plan(frozenset(worst[:count]))
    return Choice(plan, simulated(module, plan), worst[:count], tuple(losses))


def fewest(most: int, enough: Callable[[int], bool]) -> int:
    """How many of `most` it takes: first 0, 1, 2, 4, ..., then halving what lies between the last two of those.

    All of them are enough without asking. Where more do not always help, a number that is enough and one less that is
    not: there may be a smaller one.
    """
    below, above = -1, most
    for count in _growing(most):
        if enough(count):
            above = count
            break
        below = count
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if enough(middle) else (middle, above)
    return above


def _losses(module: GraphModule, whole: Quantisation, samples: Sequence[Example], exact: FloatArray,
            progress: Progress) -> list[LayerLoss]:
    """Every layer with weights by itself, the worst first."""
    found = []
    for done, node in enumerate(whole.weights):
        progress.stage(f"sensitivity of layer {done + 1} of {len(whole.weights)}")
        outputs = _outputs(simulated(module, _alone(module, whole, node)), samples)
        shape = tuple(int(size) for size in whole.weights[node].values.shape)
        found.append(LayerLoss(node.name, shape, compare_outputs(exact, outputs, limit=0.0).snr_db))
    return sorted(found, key=lambda loss: np.inf if loss.snr_db is None else loss.snr_db)


def _alone(module: GraphModule, whole: Quantisation, node: Node) -> Quantisation:
    last = carrier(node, whole.int8)
    values = (*operands(module, node), last)
    return Quantisation(frozenset({node, last}), {value: whole.params[value] for value in values},
                        {node: whole.weights[node]})


def _growing(most: int) -> list[int]:
    """0, 1, 2, 4, ..., short of all."""
    return [count for count in (0, *(2**power for power in range(most.bit_length()))) if count < most]


@torch.no_grad()
def _outputs(module: GraphModule, samples: Sequence[Example]) -> FloatArray:
    return np.concatenate([module(*inputs(sample)).numpy() for sample in samples])
