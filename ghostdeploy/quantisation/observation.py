"""What the values of a graph are on real inputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch.fx import GraphModule, Interpreter, Node

from ghostdeploy import graph
from ghostdeploy.quantisation.taps import moments

Array = npt.NDArray[Any]
# Elements kept of each value and input, to choose steps by: 10 000 of 40 inputs. With 2000, lowering EfficientNet-Lite0
# took 17 s beside other work, most of it this choice; whether more elements would choose better was not measured.
KEPT: Final = 256


@dataclass(frozen=True, eq=False)
class Seen:
    """A value over all inputs: its ends, some of its elements, and the mean of each channel (axis 1)."""

    low: float
    high: float
    elements: Array
    means: Array

    def beside(self, other: Seen) -> Seen:
        """Both together, for values that are kept in the same steps; channel means are each one's own."""
        return Seen(min(self.low, other.low), max(self.high, other.high),
                    np.concatenate([self.elements, other.elements]), self.means)


@dataclass(frozen=True, eq=False)
class Observed:
    """Values, and for layers with weights the mean products of their taps (`taps.moments`)."""

    values: dict[Node, Seen]
    moments: dict[Node, torch.Tensor]


def observe(module: GraphModule, values: Collection[Node], layers: Collection[Node],
            samples: Sequence[graph.Example]) -> Observed:
    """Run `module` on every sample, and look at the nodes in `values` and at what `layers` read."""
    observer = _Observer(module, frozenset(values), frozenset(layers))
    with torch.no_grad():
        for sample in samples:
            observer.run(*graph.inputs(sample))
    return Observed({node: _together(parts) for node, parts in observer.parts.items()},
                    {node: total / len(samples) for node, total in observer.moments.items()})


class _Observer(Interpreter):
    def __init__(self, module: GraphModule, watched: frozenset[Node], layers: frozenset[Node]) -> None:
        super().__init__(module)
        self._graph = module
        self.moments: dict[Node, torch.Tensor] = {}
        self._layers = layers
        self.parts: dict[Node, list[Seen]] = {node: [] for node in watched}
        self._chance = torch.Generator().manual_seed(0)

    def run_node(self, n: Node) -> Any:
        if n in self._layers:
            found = moments(self._graph, n, self.env[n.all_input_nodes[0]], self._chance)
            self.moments[n] = found + self.moments.get(n, 0)
        value = super().run_node(n)
        if n in self.parts:
            flat = value.flatten()
            some = flat[torch.randint(flat.numel(), (min(KEPT, flat.numel()),), generator=self._chance)]
            self.parts[n].append(Seen(float(flat.min()), float(flat.max()), some.numpy(), _means(value)))
        return value


def _means(value: torch.Tensor) -> Array:
    """[channels] of a map [1, C, H, W]; of anything else [last axis], as a linear layer reads it."""
    axes = (0, 2, 3) if value.dim() == 4 else tuple(range(value.dim() - 1))
    return value.double().mean(axes).numpy() if axes else value.double().numpy()


def _together(parts: Sequence[Seen]) -> Seen:
    return Seen(min(part.low for part in parts), max(part.high for part in parts),
                np.concatenate([part.elements for part in parts]), np.mean([part.means for part in parts], axis=0))
