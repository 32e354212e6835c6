"""Half precision on large maps, int8 on small ones: which nodes of a graph are computed in which.

Of arm64 instructions depthwise convolutions and products take more in int8 than in half precision, matrix products
fewer: in GhostNetV3 1.0x 23.1 against 15.1 million of the former, 25.4 against 31.4 of the latter (docs/arm.md). Maps
are large where channels are few, so the two part by the size of maps: 47.9 million together, 53.6 in half precision and
54.2 in int8 alone.
"""

from __future__ import annotations

from typing import Final

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import Example, inputs, shape
from ghostdeploy.lowering.site import Site, Wanted

# Maps of a sixteenth of the input's side and smaller are computed in int8, 14x14 of 224: from there on the blocks of
# GhostNetV3 1.0x are cheaper in int8 (docs/limits-arm.md). MobileNetV2 and EfficientNet-B0 retire more so than in int8
# alone (docs/arm.md).
SHARE: Final = 16


def largest_in_int8(example: Example) -> int:
    """Side of the largest maps that are computed in int8."""
    return max(max(value.shape[2:], default=0) for value in inputs(example)) // SHARE


def in_half(module: GraphModule, above: int) -> frozenset[Node]:
    """What is computed in half precision: every operator that makes a map of more than `above` a side, and all that it
    depends on, gates among it; so nothing goes back from int8 to half.

    Quantising and dequantising nodes, where there are any already, are not.
    """
    maps = _maps(module)
    found: set[Node] = set()
    for node in reversed(module.graph.nodes):
        large = node in maps and max(shape(node)[2:]) > above
        if node.op == "call_function" and not _converts(node) and (large or any(user in found for user in node.users)):
            found.add(node)
    return frozenset(found)


def by_map(half: Wanted, int8: Wanted, above: int) -> Wanted:
    """Where to rewrite: as in half precision on maps of more than `above` a side, as in int8 on others."""
    def wanted(site: Site) -> bool:
        return (half if site.side > above else int8)(site)

    return wanted


def _maps(module: GraphModule) -> set[Node]:
    """What has four dimensions and is computed of an input through such alone: an attention's heads are no maps."""
    maps: set[Node] = set()
    for node in module.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and value.dim() == 4 and (
                node.op == "placeholder" or any(source in maps for source in node.all_input_nodes)):
            maps.add(node)
    return maps


def _converts(node: Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target.namespace == "quantized_decomposed"
