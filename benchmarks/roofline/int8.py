"""`python -m benchmarks.roofline.int8`: what int8 gains and loses against fp32, by kind of operator.

Both `.tflite` in this process on one pinned core, in turns, each by LiteRT's own profiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import torch
import typer

from benchmarks.entry import program, publish
from benchmarks.models import Source
from benchmarks.roofline.kinds import Both, Times, both, by_kind, kind_of, markdown
from benchmarks.roofline.measuring import sample
from benchmarks.roofline.pinned import on_one_core
from ghostdeploy.cli.options import names
from ghostdeploy.device import machine
from ghostdeploy.device.runtimes.litert_profiler import LitertProfiler
from ghostdeploy.device.runtimes.tflite import RUNTIME
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.photos import real_photos
from ghostdeploy.progress import Progress
from ghostdeploy.quantisation import Calibration
from ghostdeploy.tuning import shipped

PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "int8")
ROUNDS, RUNS = 7, 50


def measure(name: str, directory: Path, progress: Progress) -> Both:
    """Lower the model twice and profile both in turns, in this process, which is pinned already."""
    model = Source(name).load()
    photos = tuple(torch.from_numpy(model.preprocessing.tensor(photo.image)) for photo in real_photos())
    graph = fuse(model.module, photos[0]).module
    files: dict[Precision, Path] = {}
    for precision in PRECISIONS:
        progress.stage(f"{name}: lower in {precision}")
        lowered = lower_tflite(graph, photos[0], precision, wanted=shipped("host").wanted("tflite", precision),
                               phones=False, calibration=Calibration(photos) if precision == "int8" else None)
        files[precision] = directory / f"{precision}.tflite"
        files[precision].write_bytes(lowered.data)
    progress.stage(f"{name}: {ROUNDS} rounds of both")
    rounds: dict[str, list[Times]] = {precision: [] for precision in PRECISIONS}
    for _ in range(ROUNDS):
        for precision, path in files.items():
            found = LitertProfiler(path, 1).measure(sample(RUNTIME.load(path, 1)), RUNS, RUNS)
            rounds[precision].append((found.whole_ns, by_kind((kind_of(part.name), part.ns) for part in found.parts)))
    return both(name, rounds)


def document(found: Sequence[Both]) -> str:
    """As Markdown."""
    return (
        "# Limits of int8: what it gains and loses against fp32\n\n"
        "Made by `python -m benchmarks.roofline.int8`; do not edit by hand. "
        f"{machine.describe().soc}, one thread, our `.tflite` for the host, {RUNTIME.info().name} "
        f"{RUNTIME.info().version}, {datetime.now(UTC).date().isoformat()}; random weights, calibrated with the "
        f"package's photographs. Medians of {ROUNDS} rounds in turns, by LiteRT's profiler, which drops fractions "
        "of a microsecond.\n\n" + markdown(found, above="int8", below="fp32"))


def limits(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards of the zoo.")] = "ghostnetv3_100,mobilenetv2_100",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")
                      ] = Path("out/limits-int8.md"),
) -> None:
    """Measure where int8 is faster than fp32 on this core, and where it is not."""
    publish(document(on_one_core(names(models), measure)), output)


if __name__ == "__main__":
    program(limits)
