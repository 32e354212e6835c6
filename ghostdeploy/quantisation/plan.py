"""What is computed in int8 and in which steps: decided on the very graph that is going to be lowered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.fx import GraphModule, Node

from ghostdeploy.errors import UsageError
from ghostdeploy.graph import Example, argument, constant
from ghostdeploy.quantisation import params
from ghostdeploy.quantisation.kinds import (
    PARTS,
    SAME_STEPS,
    SIGMOID,
    VIEWS,
    WEIGHTED,
    Backend,
    carrier,
    int8_nodes,
    operands,
)
from ghostdeploy.quantisation.observation import Seen, observe
from ghostdeploy.quantisation.params import QuantParams, QuantWeights


@dataclass(frozen=True)
class Quantisation:
    """The plan for one graph.

    Attributes:
        int8: nodes that are computed in int8. Of an operator and the activation that rides on it, both.
        weights: those of convolutions and linear layers in int8.
        params: the steps of every value that is kept in int8 somewhere: results of those nodes, and what they read.
    """

    int8: frozenset[Node]
    params: Mapping[Node, QuantParams]
    weights: Mapping[Node, QuantWeights]

    def made_in_int8(self, node: Node) -> bool:
        """Is its value there in int8 from the start?"""
        return node in self.int8 and node in self.params


def required(calibration: Calibration | None) -> Calibration:
    """The calibration that int8 needs.

    Raises:
        UsageError: there is none.
    """
    if calibration is None or not calibration.samples:
        raise UsageError("int8 needs real inputs to be calibrated with", "", "give a directory of images")
    return calibration


FLOAT_ONLY = Quantisation(frozenset(), {}, {})


@dataclass(frozen=True, eq=False)
class Calibration:
    """What int8 is decided by.

    Attributes:
        samples: real inputs as the graph takes them, each [1, C, H, W]; a tuple of them where it takes several.
        agreement: the wanted share of them on which the highest class stays the same; layers are left in float32, the
            worst first, until it is reached (`sensitivity`). None leaves none.
    """

    samples: tuple[Example, ...]
    agreement: float | None = None


class Planner:
    """Plans for one graph: its values are looked at once, whatever is then left in float32."""

    def __init__(self, module: GraphModule, samples: Sequence[Example], backend: Backend) -> None:
        self._module, self._backend = module, backend
        whole = int8_nodes(module, backend, frozenset())
        self._layers = [node for node in module.graph.nodes if node in whole and node.target in WEIGHTED]
        self._seen = observe(module, self._values(whole), self._layers, samples)

    def plan(self, keep_float: frozenset[str] = frozenset()) -> Quantisation:
        """What to compute in int8 if the nodes of these names are not."""
        int8 = int8_nodes(self._module, self._backend, keep_float)
        values = self._values(int8)
        groups = _groups(values, int8, self._module)
        seen, together = self._seen.values, dict[Node, Seen]()
        for value in values:
            root = groups[value]
            together[root] = together[root].beside(seen[value]) if root in together else seen[value]
        padded = {groups[value] for value in values if self._backend.pads(value)}
        chosen = {root: params.of_elements(*params.ends(whole.low, whole.high, centred=root in padded), whole.elements)
                  for root, whole in together.items()}
        chosen |= {groups[value]: params.OF_SIGMOIDS for value in values if value.target is SIGMOID and value in int8}
        for node in self._layers:       # in the graph's order: a wider step may widen what reads it
            if node in int8:
                (source,) = operands(self._module, node)
                made, weight = groups[carrier(node, int8)], constant(self._module, node.args[1])
                assert weight is not None
                chosen[made] = params.at_least(chosen[made], chosen[groups[source]], weight.float().numpy())
        steps = {value: chosen[groups[value]] for value in values}
        return Quantisation(int8, steps, {node: self._weights(node, steps) for node in self._layers if node in int8})

    def _values(self, int8: frozenset[Node]) -> list[Node]:
        """Every value that is kept in int8 somewhere, in the graph's order."""
        return list(dict.fromkeys(value for node in self._module.graph.nodes if node in int8
                                  for value in (*operands(self._module, node), carrier(node, int8))
                                  if not _inside(value, int8)))

    def _weights(self, node: Node, steps: Mapping[Node, QuantParams]) -> QuantWeights:
        weight, bias = constant(self._module, node.args[1]), constant(self._module, argument(node, 2, None))
        assert weight is not None
        offset = torch.zeros(weight.shape[0]) if bias is None else bias
        (source,) = operands(self._module, node)
        return params.weights(weight.float().numpy(), offset.float().numpy(), steps[source],
                              self._seen.values[source].means, self._seen.moments[node])


def _inside(value: Node, int8: frozenset[Node]) -> bool:
    """Is it the value between an operator and the activation that rides on it? It is kept nowhere."""
    return value in int8 and carrier(value, int8) is not value


def _groups(values: Sequence[Node], int8: frozenset[Node], module: GraphModule) -> dict[Node, Node]:
    """For each value one that stands for all whose steps must be equal."""
    parent = {value: value for value in values}

    def root(value: Node) -> Node:
        while parent[value] is not value:
            value = parent[value]
        return value

    for node in int8:
        if node.target in SAME_STEPS + VIEWS + PARTS:
            for source in operands(module, node):
                parent[root(source)] = root(node)
    return {value: root(value) for value in values}
