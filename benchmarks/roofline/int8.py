"""`python -m benchmarks.roofline.int8`: what int8 gains and loses against fp32, by kind of operator.

Both `.tflite` in this process on one pinned core, in turns, each by LiteRT's own profiler.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import torch
import typer

from benchmarks.entry import program, publish
from benchmarks.models import Source
from benchmarks.roofline.measuring import sample
from ghostdeploy.cli.options import names
from ghostdeploy.cli.output import stages
from ghostdeploy.device import machine
from ghostdeploy.device.job import PartTime
from ghostdeploy.device.runtimes.litert_profiler import LitertProfiler
from ghostdeploy.device.runtimes.tflite import RUNTIME
from ghostdeploy.device.worker import pin
from ghostdeploy.fusion import fuse
from ghostdeploy.lowering.artifact import Precision
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.photos import real_photos
from ghostdeploy.progress import Progress
from ghostdeploy.quantisation import Calibration
from ghostdeploy.tuning import shipped

PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "int8")
ROUNDS, RUNS = 7, 50
# What XNNPACK calls the same work in either precision contains one of these.
KINDS: Final = {"1x1 and matrix products": ("Fully Connected", "Batch Matrix"), "depthwise": ("DWConv",),
                "other convolutions": ("IGEMM",), "products": ("Multiply",), "sums": ("Add",),
                "concatenations, slices": ("Copy",), "conversions": ("Convert",), "curves": ("Sigmoid", "LUT"),
                "means": ("Mean",)}


@dataclass(frozen=True)
class Both:
    """One model: nanoseconds of the whole, and of each kind of operator, by precision."""

    model: str
    whole_ns: dict[Precision, float]
    kinds: dict[str, dict[Precision, float]]


def kind_of(operator: str) -> str:
    """What XNNPACK's `operator` is called here; "other" where it is none of `KINDS`."""
    return next((kind for kind, words in KINDS.items() if any(word in operator for word in words)), "other")


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
    rounds: dict[Precision, list[tuple[float, dict[str, float]]]] = {precision: [] for precision in PRECISIONS}
    for _ in range(ROUNDS):
        for precision, path in files.items():
            found = LitertProfiler(path, 1).measure(sample(RUNTIME.load(path, 1)), RUNS, RUNS)
            rounds[precision].append((found.whole_ns, _by_kind(found.parts)))
    return both(name, rounds)


def both(name: str, rounds: dict[Precision, list[tuple[float, dict[str, float]]]]) -> Both:
    """Medians over the rounds."""
    kinds = dict.fromkeys(kind for measured in rounds.values() for _, by_kind in measured for kind in by_kind)
    return Both(name, {precision: median(whole for whole, _ in measured) for precision, measured in rounds.items()},
                {kind: {precision: median(by_kind.get(kind, 0.0) for _, by_kind in measured)
                        for precision, measured in rounds.items()} for kind in kinds})


def _by_kind(parts: Sequence[PartTime]) -> dict[str, float]:
    kinds: dict[str, float] = {}
    for part in parts:
        kinds[kind_of(part.name)] = kinds.get(kind_of(part.name), 0.0) + part.ns
    return kinds


def markdown(found: Sequence[Both]) -> str:
    """One table a model, the costliest kind in int8 first."""
    lines = ["# Limits of int8: what it gains and loses against fp32", "",
             "Made by `python -m benchmarks.roofline.int8`; do not edit by hand. "
             f"{machine.describe().soc}, one thread, our `.tflite` for the host, {RUNTIME.info().name} "
             f"{RUNTIME.info().version}, {datetime.now(UTC).date().isoformat()}; random weights, calibrated with the "
             f"package's photographs. Medians of {ROUNDS} rounds in turns, by LiteRT's profiler, which drops fractions "
             "of a microsecond.", ""]
    for each in found:
        lines += [f"## {each.model}", "", "| what | fp32, ms | int8, ms | int8 over fp32 |", "|---|---:|---:|---:|",
                  _row("whole", each.whole_ns)]
        lines += [_row(kind, times) for kind, times in sorted(each.kinds.items(), key=lambda item: -item[1]["int8"])]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(what: str, times: dict[Precision, float]) -> str:
    ratio = f"{times['int8'] / times['fp32']:.2f}" if times["fp32"] else ""
    return f"| {what} | {times['fp32'] / 1e6:.2f} | {times['int8'] / 1e6:.2f} | {ratio} |"


def limits(
    models: Annotated[str, typer.Option(metavar="A,B", help="Cards of the zoo.")] = "ghostnetv3_100,mobilenetv2_100",
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")
                      ] = Path("out/limits-int8.md"),
) -> None:
    """Measure where int8 is faster than fp32 on this core, and where it is not."""
    pin((machine.describe().cores[-1].index,))
    torch.set_num_threads(1)
    found = []
    with tempfile.TemporaryDirectory() as scratch, stages() as progress, torch.no_grad():
        for name in names(models):
            place = Path(scratch) / name
            place.mkdir()
            found.append(measure(name, place, progress))
    publish(markdown(found), output)


if __name__ == "__main__":
    program(limits)
