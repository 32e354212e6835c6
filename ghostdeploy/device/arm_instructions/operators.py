"""The instructions of one inference by node of XNNPACK's runtime, in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.device.android import qemu, store
from ghostdeploy.device.arm_instructions.attribute import Kind, Place, places
from ghostdeploy.device.arm_instructions.count import counted
from ghostdeploy.device.arm_instructions.emulated import runtime_of
from ghostdeploy.device.arm_instructions.marks import NODE, of_node
from ghostdeploy.errors import RunnerFailed
from ghostdeploy.lowering.artifact import Format


@dataclass(frozen=True)
class Node:
    """One node. `places` are the functions it ran, most instructions first.

    `index` counts from 0 in the order of the artifact's own operators: XNNPACK has one node for each. What the runtime
    does before the first node and after the last is counted with the first, and left out.
    """

    index: int
    instructions: int
    places: tuple[Place, ...]

    @property
    def kind(self) -> Kind:
        """What most of it is."""
        return self.places[0].kind


def nodes(artifact: Path, format: Format, *, cpu: str = qemu.CPU_MODEL,
          half_arithmetic: bool = False) -> tuple[Node, ...]:
    """Attribute the instructions of one inference to the nodes of an artifact that is one delegate.

    Raises:
        RunnerFailed: the runtime is another than the pinned one, or the artifact is not one delegate.
        Others as `count`.
    """
    mark = of_node(store.runtime_library(runtime_of(format), "arm64-v8a"))
    found = counted(artifact, format, cpu, 1, half_arithmetic, mark)
    delegation = found.measured.delegation
    if delegation is None or delegation.delegates != 1:
        raise RunnerFailed(f"{artifact.name} is not one delegate", "nodes are told apart inside of one delegate only",
                           "use `attribute`")
    ends = [part for part in found.parts if part.mark == NODE]
    return tuple(_node(i, places(found.blocks.by_place(part.blocks))) for i, part in enumerate(ends))


def _node(index: int, found: tuple[Place, ...]) -> Node:
    return Node(index, sum(place.instructions for place in found), found)
