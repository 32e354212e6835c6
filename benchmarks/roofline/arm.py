"""`python -m benchmarks.roofline.arm`: what each block of a model retires on ARM, and how far that is from its floor.

A proxy: arm64 instructions, not time. Counted of our `.tflite`, whose operators are known by block and of which
XNNPACK makes one node each. A block's floor is what its multiply-adds alone need, at the lanes of the precision's own
instruction.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from torch.fx import GraphModule

from benchmarks.arm.table import LANES
from benchmarks.entry import program, publish
from benchmarks.models import Source
from benchmarks.roofline.layers import layers
from ghostdeploy.cli.options import names
from ghostdeploy.cli.output import stages
from ghostdeploy.device.android import qemu
from ghostdeploy.device.arm_instructions.operators import nodes
from ghostdeploy.errors import RunnerFailed
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.profiling.attribution import operators
from ghostdeploy.progress import Progress
from ghostdeploy.quantisation import Calibration
from ghostdeploy.tuning import shipped

PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "fp16", "int8")     # of a .tflite
# In half, every constant of the file has an operator that unpacks it; the delegate does that once, without a node, and
# converts its input before the first node and its output after the last.
UNPACKING: Final = "DEQUANTIZE"


@dataclass(frozen=True)
class Blocks:
    """Of one model: multiply-adds of each block, in their order, and instructions of each by precision."""

    model: str
    macs: dict[str, int]
    spent: dict[Precision, dict[str, int]]


def count(name: str, progress: Progress) -> Blocks:
    """Count the blocks of a model in every precision.

    Raises:
        GhostdeployError: what cannot be lowered or run, or has other nodes than operators.
    """
    model = Source(name).load()
    size = model.preprocessing.input_size
    graph = fuse(model.module, torch.zeros(1, 3, size, size)).module
    macs = Counter[str]()
    for _, layer, _ in layers(graph):
        macs[layer.block] += layer.macs
    spent: dict[Precision, dict[str, int]] = {}
    for precision in PRECISIONS:
        progress.stage(f"{name}: count its blocks in {precision}")
        spent[precision] = _spent(graph, size, precision)
    return Blocks(name, dict(macs), spent)


def _spent(graph: GraphModule, size: int, precision: Precision) -> dict[str, int]:
    # Costs hardly depend on values, so a made-up input calibrates: around zero, as normalised photographs are.
    made_up = torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(0))
    lowered = lower_tflite(graph, made_up, precision, wanted=shipped("android").wanted("tflite", precision),
                           calibration=Calibration((made_up,)) if precision == "int8" else None)
    owners = [stretch.block for stretch in lowered.stretches for _ in range(stretch.operators)]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.tflite"
        path.write_bytes(lowered.data)
        found = nodes(path, "tflite", half_arithmetic=precision == "fp16")
        if precision == "fp16":
            owners = [owner for owner, name in zip(owners, operators(path), strict=True) if name != UNPACKING]
            owners = [owners[0], *owners, owners[-1]]
    if len(owners) != len(found):
        raise RunnerFailed(f"{len(owners)} operators in {precision} are {len(found)} nodes of XNNPACK",
                           "so it is not known which block a node belongs to", "leave that model out")
    spent = Counter[str]()
    for owner, node in zip(owners, found, strict=True):
        spent[owner] += node.instructions
    return dict(spent)


def markdown(counted: Sequence[Blocks]) -> str:
    """One table a model."""
    lines = [
        "# Limits on ARM: what each block retires, and its floor", "",
        "Made by `python -m benchmarks.roofline.arm`; do not edit by hand. **A proxy: million arm64 instructions of "
        f"one inference, not time**; emulated {qemu.CPU_MODEL}, our `.tflite` as exported for Android, random weights, "
        f"{datetime.now(UTC).date().isoformat()}. A floor is what the multiply-adds alone need: MACs / 4 in fp32, / 8 "
        "in fp16, / 16 in int8; in brackets how many times that is spent.", ""]
    for found in counted:
        lines += [f"## {found.model}", "", "| block | MMAC | " + " | ".join(found.spent) + " |",
                  "|---|---:|" + "---:|" * len(found.spent)]
        blocks = list(dict.fromkeys(block for spent in found.spent.values() for block in spent))
        lines += [_row(block, found.macs.get(block, 0), [(LANES[precision], spent.get(block, 0))
                                                         for precision, spent in found.spent.items()])
                  for block in blocks]
        lines += [_row("all", sum(found.macs.values()), [(LANES[precision], sum(spent.values()))
                                                         for precision, spent in found.spent.items()]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(block: str, macs: int, spent: Sequence[tuple[int, int]]) -> str:
    cells = [f"{each / 1e6:.2f}" + (f" ({each * lanes / macs:.1f})" if macs else "") for lanes, each in spent]
    return f"| {block} | {macs / 1e6:.1f} | {' | '.join(cells)} |"


def limits(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards of the zoo.")] = "ghostnetv3_100",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")
                      ] = Path("out/limits-arm.md"),
) -> None:
    """Count the arm64 instructions of each block of each model, and say how far from its floor that is: a proxy."""
    with stages() as progress, torch.no_grad():
        counted = [count(name, progress) for name in names(models)]
    publish(markdown(counted), output)


if __name__ == "__main__":
    program(limits)
