"""What every lowering says about an artifact in the same words."""

from __future__ import annotations

from importlib.metadata import version

import torch
from torch.fx import GraphModule
from torch.utils import _pytree as pytree

from ghostdeploy.graph import shape
from ghostdeploy.lowering.artifact import TensorSpec


def input_specs(module: GraphModule) -> tuple[TensorSpec, ...]:
    """Inputs of an NCHW graph, called `input`, `input_1`, ..."""
    nodes = [n for n in module.graph.nodes if n.op == "placeholder"]
    return tuple(_spec("input", i, shape(n), n.meta["val"].dtype) for i, n in enumerate(nodes))


def output_specs(module: GraphModule) -> tuple[TensorSpec, ...]:
    """Outputs of an NCHW graph in the order of its flattened result, called `output`, `output_1`, ..."""
    (output,) = (n for n in module.graph.nodes if n.op == "output")
    return tuple(_spec("output", i, shape(n), n.meta["val"].dtype)
                 for i, n in enumerate(pytree.tree_leaves(output.args)))


def installed(package: str) -> str:
    """Version of an installed package, without the build's label."""
    return version(package).split("+")[0]


def _spec(name: str, index: int, dims: tuple[int, ...], dtype: torch.dtype) -> TensorSpec:
    return TensorSpec(f"{name}_{index}" if index else name, dims, str(dtype).removeprefix("torch."),
                      "nchw" if len(dims) == 4 else "plain")
