"""A graph in half precision between float32 inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch.fx import GraphModule, Node

from ghostdeploy import graph
from ghostdeploy.errors import UnsupportedOperator
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit
from ghostdeploy.lowering.passes.shapes import Shapes
from ghostdeploy.wording import first_sentence

HALF_LIMIT = torch.finfo(torch.float16).max
# How a cast is written: module, value, dtype.
Cast = Callable[[GraphModule, Node, torch.dtype], Node]


def copied(module: GraphModule, value: Node, dtype: torch.dtype) -> Node:
    """The cast that every backend knows."""
    return emit(module, aten._to_copy.default, value, dtype=dtype)


def halve(module: GraphModule, example: graph.Example, cast: Cast = copied, wide: Collection[object] = ()) -> None:
    """Turn every float32 constant of `module` into float16, in place, and cast at its inputs and outputs.

    XNNPACK then computes in half precision: natively from ARMv8.2 on, by conversion on x86 with F16C.

    Args:
        cast: writes the casts.
        wide: operators of one input that go on computing in float32, between two casts.

    Raises:
        UnsupportedOperator: a constant or an operator has no float16 form; named.
    """
    for name, value in list(module.named_buffers()) + list(module.named_parameters()):
        if value.dtype == torch.float32:
            _set(module, name, as_half(name, value))
    _cast_at_borders(module, cast)
    for node in [node for node in module.graph.nodes if node.target in wide]:
        _widen(module, node, cast)
    graph.clean(module)
    try:
        Shapes().refresh(module, example)
    except RuntimeError as error:
        raise UnsupportedOperator("the graph mixes float16 and float32", first_sentence(error),
                                  "export with --precision fp32") from None
    for node in module.graph.nodes:
        value = node.meta.get("val")
        if (node.op == "call_function" and isinstance(value, torch.Tensor) and value.dtype == torch.float32
                and "border" not in node.meta):
            raise UnsupportedOperator(f"{node.target} (node {node.name}) computes in float32 by itself",
                                      "an fp16 program needs float16 throughout", "export with --precision fp32")


def as_half(name: str, value: torch.Tensor) -> torch.Tensor:
    """A constant in float16.

    Raises:
        UnsupportedOperator: it holds a value beyond float16's range, which would become infinity.
    """
    largest = float(value.abs().max()) if value.numel() else 0.0
    if largest > HALF_LIMIT:
        raise UnsupportedOperator(f"the constant {name} does not fit into float16",
                                  f"its largest magnitude is {largest:.3g}, float16 ends at {HALF_LIMIT:.0f}",
                                  "export with --precision fp32")
    return value.detach().to(torch.float16)


def _set(module: GraphModule, name: str, value: torch.Tensor) -> None:
    parent, _, leaf = name.rpartition(".")
    owner = module.get_submodule(parent)
    owner._parameters.pop(leaf, None)
    owner._buffers.pop(leaf, None)
    owner.register_buffer(leaf, value)
    for node in module.graph.find_nodes(op="get_attr", target=name):
        node.meta["val"] = value.to("meta")


def _cast_at_borders(module: GraphModule, cast: Cast) -> None:
    for node in list(module.graph.nodes):
        if node.op == "placeholder" and node.users:
            readers = list(node.users)
            with module.graph.inserting_after(node):
                half = cast(module, node, torch.float16)
            for reader in readers:
                reader.replace_input_with(node, half)
        elif node.op == "output":
            with module.graph.inserting_before(node):
                for result in list(node.all_input_nodes):
                    node.replace_input_with(result, _border(cast(module, result, torch.float32)))


def _widen(module: GraphModule, node: Node, cast: Cast) -> None:
    source, readers = node.all_input_nodes[0], list(node.users)
    with module.graph.inserting_before(node):
        node.replace_input_with(source, _border(cast(module, source, torch.float32)))
    with module.graph.inserting_after(node):
        half = cast(module, node, torch.float16)
    for reader in readers:
        reader.replace_input_with(node, half)
    _border(node)


def _border(node: Node) -> Node:
    """`node` is in float32 because it has to be."""
    node.meta["border"] = True
    return node
