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


def halve(module: GraphModule, example: graph.Example, cast: Cast = copied, wide: Collection[object] = (),
          part: Collection[Node] | None = None) -> None:
    """Turn the float32 constants of `module` into float16, in place, and cast at its inputs and outputs.

    XNNPACK then computes in half precision: natively from ARMv8.2 on, by conversion on x86 with F16C.

    Args:
        cast: writes the casts.
        wide: operators of one input that go on computing in float32, between two casts.
        part: the operators to compute in float16, where not all are; what they depend on has to be among them.

    Raises:
        UnsupportedOperator: a constant or an operator has no float16 form; named.
    """
    chosen = [node for node in module.graph.nodes
              if (node.op == "call_function" if part is None else node in part)]
    inside = set(chosen)
    _halve_constants(module, inside)
    for node in [*module.graph.find_nodes(op="placeholder"), *chosen]:
        given = node.op == "call_function"
        readers = [reader for reader in node.users if (reader in inside) is not given]
        _cast_for(module, node, readers, torch.float32 if given else torch.float16, cast)
    for node in chosen:
        if node.target in wide:
            _widen(module, node, cast)
    graph.clean(module)
    try:
        Shapes().refresh(module, example)
    except RuntimeError as error:
        raise UnsupportedOperator("the graph mixes float16 and float32", first_sentence(error),
                                  "export with another precision") from None
    for node in module.graph.nodes:
        value = node.meta.get("val")
        if (node in inside and isinstance(value, torch.Tensor) and value.dtype == torch.float32
                and "border" not in node.meta):
            raise UnsupportedOperator(f"{node.target} (node {node.name}) computes in float32 by itself",
                                      "an fp16 program needs float16 throughout", "export with --precision fp32")


def _halve_constants(module: GraphModule, readers: Collection[Node]) -> None:
    """In float16 for `readers`; others go on reading float32."""
    for node in list(module.graph.find_nodes(op="get_attr")):
        value = graph.constant(module, node)
        inside = [reader for reader in node.users if reader in readers]
        if value is None or value.dtype != torch.float32 or not inside:
            continue
        name = str(node.target)
        with module.graph.inserting_before(node):
            half = graph.new_constant(module, f"{name.replace('.', '_')}_half", as_half(name, value))
        for reader in inside:
            reader.replace_input_with(node, half)


def _cast_for(module: GraphModule, node: Node, readers: list[Node], dtype: torch.dtype, cast: Cast) -> None:
    """Let `readers` read a cast of `node`, if it is of real numbers in the other width: classes stay what they are."""
    value = node.meta.get("val")
    if not readers or not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return
    with module.graph.inserting_after(node):
        other = cast(module, node, dtype)
    for reader in readers:
        reader.replace_input_with(node, other)


def as_half(name: str, value: torch.Tensor) -> torch.Tensor:
    """A constant in float16.

    Raises:
        UnsupportedOperator: it holds a value beyond float16's range, which would become infinity.
    """
    finite = value[value.isfinite()]        # infinity, as in the masks of attention, is float16's too
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    if largest > HALF_LIMIT:
        raise UnsupportedOperator(f"the constant {name} does not fit into float16",
                                  f"its largest magnitude is {largest:.3g}, float16 ends at {HALF_LIMIT:.0f}",
                                  "export with --precision fp32")
    return value.detach().to(torch.float16)


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
