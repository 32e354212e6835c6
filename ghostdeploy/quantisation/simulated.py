"""A plan as a graph of quantising and dequantising nodes: what ExecuTorch lowers, and what torch can run.

Run in torch it is the yardstick of an int8 artifact: the same steps, the same rounding of every value that is kept,
float32 arithmetic in between.
"""

from __future__ import annotations

import torch
import torch.ao.quantization.fx._decomposed
from torch.fx import GraphModule, Node

from ghostdeploy import graph as graphs
from ghostdeploy.quantisation.params import HIGHEST, LOWEST, WEIGHT_LIMIT, QuantParams, QuantWeights
from ghostdeploy.quantisation.plan import Quantisation

decomposed = torch.ops.quantized_decomposed


def simulated(module: GraphModule, plan: Quantisation) -> GraphModule:
    """A copy of `module` that quantises as `plan` says; what is kept in float32 reads float32 where it is at hand."""
    twins: dict[Node, Node] = {}
    copy = graphs.copy_of(module, twins)
    for node, found in plan.weights.items():
        _weights(copy, twins[node], found)
    for value, steps in plan.params.items():
        _value(copy, value, twins, steps, plan)
    graphs.clean(copy)
    return copy


def _value(copy: GraphModule, value: Node, twins: dict[Node, Node], steps: QuantParams, plan: Quantisation) -> None:
    """Quantise a value; each reader dequantises by itself, as ExecuTorch's partitioner wants it."""
    twin = twins[value]
    readers = [user for user in value.users if plan.made_in_int8(value) or user in plan.int8]
    if not readers:
        return
    limits = (steps.scale, steps.zero_point, LOWEST, HIGHEST, torch.int8)
    with copy.graph.inserting_after(twin):
        quantised = copy.graph.call_function(decomposed.quantize_per_tensor.default, (twin, *limits))
    quantised.meta["val"] = twin.meta["val"].to(torch.int8)
    for reader in readers:
        other = next(n for n in copy.graph.nodes if n.op == "output") if reader.op == "output" else twins[reader]
        with copy.graph.inserting_before(other):
            plain = copy.graph.call_function(decomposed.dequantize_per_tensor.default, (quantised, *limits))
        plain.meta["val"] = twin.meta["val"]
        other.replace_input_with(twin, plain)


def _weights(copy: GraphModule, twin: Node, found: QuantWeights) -> None:
    channels = len(found.scales)
    with copy.graph.inserting_before(twin):
        stored = graphs.new_constant(copy, f"{twin.name}_weight_int8", torch.from_numpy(found.values))
        scales = graphs.new_constant(copy, f"{twin.name}_weight_scales", torch.from_numpy(found.scales))
        zeros = graphs.new_constant(copy, f"{twin.name}_weight_zeros", torch.zeros(channels, dtype=torch.int64))
        plain = copy.graph.call_function(decomposed.dequantize_per_channel.default,
                                         (stored, scales, zeros, 0, -WEIGHT_LIMIT, WEIGHT_LIMIT, torch.int8))
        offset = graphs.new_constant(copy, f"{twin.name}_offset", torch.from_numpy(found.offset))
    plain.meta["val"] = stored.meta["val"].to(torch.float32)
    twin.args = (twin.args[0], plain, offset, *twin.args[3:])
