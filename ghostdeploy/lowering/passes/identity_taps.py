"""A map beside its own depthwise convolution, computed by one convolution: identity taps copy the map."""

from __future__ import annotations

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.graph import argument, constant, new_constant, shape
from ghostdeploy.lowering.passes.alternative import ACTIVATIONS, Alternative, activated
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.base import emit, operand, replace
from ghostdeploy.lowering.passes.concatenation import joined_channels
from ghostdeploy.lowering.passes.convolutions import geometry, is_depthwise, is_pointwise, unknown_weights
from ghostdeploy.lowering.site import Site


class IdentityTaps(Alternative):
    """Writes cat(y, depthwise(y)), where a 1x1 convolution computes y, as one depthwise convolution of that convolution
    with its outputs doubled: the first half has a single tap of 1 in its middle. This is a Ghost module.

    No concatenation is left; the 1x1 convolution computes every output twice. A relu on both is the same as a relu
    behind, since y is not negative. Ghost modules of GhostNetV3 1.0x alone, `.tflite`: 0.69 and 0.79 of the x86 time at
    112x112, 1.00 to 1.43 of it at 56x56 and 28x28; 1.17 to 1.96 of the ARM instructions everywhere.
    """

    name = "identity-taps"

    def fits(self, node: Node) -> bool:
        """A concatenation of exactly a map and its depthwise convolution that keeps the size."""
        return _ghost(node) is not None

    def site(self, node: Node) -> Site:
        """Height, width, kernel (2), channels in, channels of y."""
        primary, cheap = _ghost(node) or (node, node)
        return Site(self.name, (*shape(node)[2:], *shape(operand(cheap, 1))[2:], shape(operand(primary))[1],
                                shape(primary)[1]))

    def region(self, node: Node) -> tuple[Node, ...]:
        """Both convolutions with their activations, and the concatenation."""
        primary, cheap = _ghost(node) or (node, node)
        return tuple(dict.fromkeys((primary, *(joined_channels(node) or [])[:1], cheap,
                                    *(joined_channels(node) or [])[1:], node)))

    def refusal(self, module: GraphModule, node: Node) -> str | None:
        """Weights must be known, and nothing else may read y."""
        primary, cheap = _ghost(node) or (node, node)
        if len((joined_channels(node) or [node])[0].users) != 2:
            return "something else reads the map, which would have to be computed once more"
        unknown = unknown_weights(module, primary) or unknown_weights(module, cheap)
        return "its weights are computed from the input" if unknown else None

    def apply(self, module: GraphModule, node: Node) -> None:
        """Doubled outputs, identity taps before the real ones, and the activations as they were."""
        primary, cheap = _ghost(node) or (node, node)
        first, second = joined_channels(node) or [node, node]
        weight, offset = (torch.cat([value, value]) for value in _weights(module, primary))
        doubled = _convolution(module, primary, operand(primary), weight, offset, 1)
        taps, bias = _weights(module, cheap)
        identity = torch.zeros_like(taps)
        identity[:, :, taps.shape[2] // 2, taps.shape[3] // 2] = 1
        wide = _convolution(module, cheap, _like(module, first, primary, doubled), torch.cat([identity, taps]),
                            torch.cat([torch.zeros_like(bias), bias]), 2 * taps.shape[0])
        replace(node, _like(module, second, cheap, wide))


def _ghost(node: Node) -> tuple[Node, Node] | None:
    """The 1x1 and the depthwise convolution of a Ghost module that ends in the concatenation `node`."""
    parts = joined_channels(node)
    if parts is None or len(parts) != 2:
        return None
    primary, cheap = (_convolution_of(part) for part in parts)
    if primary is None or cheap is None or not is_pointwise(primary) or not _keeps_size(cheap):
        return None
    acts = [None if part is conv else (part.target, part.args[1:]) for part, conv in zip(parts, (primary, cheap),
                                                                                         strict=True)]
    exact = acts[0] == acts[1] and (acts[0] is None or acts[0][0] is aten.relu.default)
    return (primary, cheap) if exact and operand(cheap) is parts[0] else None


def _convolution_of(part: Node) -> Node | None:
    """The convolution whose result `part` is, through its activation."""
    inner = operand(part) if part.target in ACTIVATIONS else part
    found = inner.target is aten.conv2d.default and (part is inner or activated(inner) is part)
    return inner if found else None


def _keeps_size(node: Node) -> bool:
    """Is this depthwise with one output for each input, an odd kernel, and its taps around the pixel?"""
    kernel = shape(operand(node, 1))[2:]
    stride, padding, dilation = geometry(node)
    return (is_depthwise(node) and shape(node) == shape(operand(node)) and stride == [1, 1]
            and all(k % 2 for k in kernel) and padding == [d * (k // 2) for d, k in zip(dilation, kernel, strict=True)])


def _weights(module: GraphModule, node: Node) -> tuple[torch.Tensor, torch.Tensor]:
    weight, bias = constant(module, node.args[1]), constant(module, argument(node, 2, None))
    assert weight is not None
    return weight, torch.zeros(weight.shape[0], dtype=weight.dtype) if bias is None else bias


def _convolution(module: GraphModule, old: Node, source: Node, weight: torch.Tensor, bias: torch.Tensor,
                 groups: int) -> Node:
    return emit(module, aten.conv2d.default, source, new_constant(module, f"{old.name}_weight", weight),
                new_constant(module, f"{old.name}_bias", bias), *geometry(old), groups)


def _like(module: GraphModule, part: Node, convolution: Node, value: Node) -> Node:
    return value if part is convolution else emit(module, aten.relu.default, value)
