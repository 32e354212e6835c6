"""`python -m benchmarks.roofline`: where the time of a `.tflite` goes, and how far each layer is from the core's limit.

Two roofs are measured on the pinned core with each model, and the highest count, through the same runtime:
multiply-adds a second of a large 1x1 convolution (or of a layer that is faster), and bytes a second of an addition
over maps of the size that these models have. A layer's floor is what the lower roof allows: its multiply-adds at the
one, or its inputs, weights and outputs once at the other. Every convolution and matrix product of the fused graph is
lowered alone and measured in turns with the whole artifact, so that a busy machine hits all alike. What their sum
leaves of the whole is everything between them (additions, pooling, gates, attention), and that a layer alone finds
its weights in the cache, and in the whole has to fetch them each time.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.entry import program, publish
from benchmarks.roofline.measuring import measure
from benchmarks.roofline.pinned import on_one_core
from benchmarks.roofline.standing import Roofs
from benchmarks.roofline.table import markdown
from ghostdeploy.cli.options import names
from ghostdeploy.device import cpus as affinity
from ghostdeploy.device import machine


def roofline(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards of the zoo.")] = "ghostnetv3_100,mobilenetv2_100",
    cpus: Annotated[str, typer.Option(
        metavar="MASK", help="The core to pin to, as a hexadecimal mask; the last one by default.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")] = Path("out/limits.md"),
) -> None:
    """Measure what this core can do, and where each layer of each model stands against it."""
    chosen = affinity.choose(cpus, machine.describe().cores) if cpus else ()
    found = on_one_core(names(models), measure, chosen)
    roofs = Roofs.highest([standing.roofs for standing in found])
    publish(markdown([replace(standing, roofs=roofs) for standing in found]), output)


if __name__ == "__main__":
    program(roofline)
