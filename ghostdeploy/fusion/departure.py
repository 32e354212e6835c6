"""Where two graphs part: the first value that both compute and that fusion made worse."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.fusion.affine import F64
from ghostdeploy.fusion.evaluate import Evaluation

# Where the output is NaN or infinite, the first value that is neither comparable nor of this size is the culprit.
UNBOUNDED = 1e30


def first_departure(original: GraphModule, fused: GraphModule, x: torch.Tensor, dtype: torch.dtype,
                    error: float, noise: float) -> str:
    """The name, in the original, of the first value that departs.

    `error` and `noise` are the relative errors of the two graphs' outputs. Single values scatter by factors around the
    rule's 2 without meaning anything, so the threshold lies halfway (in factors) between that and what the output has:
    a broken weight shows with orders of magnitude, and the node found is the one that brought them in.
    """
    places = _common(original, fused)
    exact = _values(original, set(places.values()), F64, x)
    mine, theirs = _values(fused, set(places), dtype, x), _values(original, set(places.values()), dtype, x)
    threshold = math.sqrt(2.0 * error / noise) if math.isfinite(error) else UNBOUNDED
    for here, there in places.items():
        reference = exact[there]
        scale = float(reference.abs().max()) or 1.0
        own = float((theirs[there].to(F64) - reference).abs().max()) / scale
        departure = float((mine[here].to(F64) - reference).abs().max()) / scale
        if not departure <= threshold * max(own, noise):
            return there
    return "its output"


def _common(original: GraphModule, fused: GraphModule) -> dict[str, str]:
    """{name in fused: name in original} of the values that both graphs compute, in order."""
    names = {n.name for n in original.graph.nodes if _is_value(n)}
    found = {}
    for node in fused.graph.nodes:
        computes = node.meta.get("computes", node.name)
        if _is_value(node) and computes in names:
            found[node.name] = computes
    return found


def _is_value(node: Node) -> bool:
    value = node.meta.get("val")
    return node.op == "call_function" and isinstance(value, torch.Tensor) and value.is_floating_point()


def _values(module: GraphModule, wanted: set[str], dtype: torch.dtype, x: torch.Tensor) -> dict[str, torch.Tensor]:
    seen: dict[str, torch.Tensor] = {}

    def watch(node: Node, value: Any) -> None:
        if node.name in wanted:
            seen[node.name] = value

    Evaluation(module, dtype, watch).of(x)
    return seen
