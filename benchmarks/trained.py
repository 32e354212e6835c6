"""`python -m benchmarks.trained`: the trained GhostNetV3 of tests/trained on all of CIFAR-10's test images.

Top-1 of the checkpoint and of every artifact, each in its own runtime on this machine, beside size and agreement.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.entry import program, publish
from ghostdeploy.accuracy import Accuracy, accuracy
from ghostdeploy.bundle import Bundle
from ghostdeploy.cli.output import stages
from ghostdeploy.datasets.cifar10 import fetch
from ghostdeploy.datasets.fetched import open_set

WEIGHTS = Path("tests/trained/ghostnetv3_050-cifar10.safetensors")


def trained(
    weights: Annotated[Path, typer.Argument(metavar="FILE", help="What `ghostdeploy train` wrote.")] = WEIGHTS,
    count: Annotated[int | None, typer.Option(metavar="N", help="The first so many test images; all by default.",
                                              show_default=False)] = None,
    calibration: Annotated[int, typer.Option(metavar="N", help="Training images to calibrate int8 with.")] = 200,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Markdown.")] = Path("out/trained.md"),
) -> None:
    """Export trained weights in every format and precision, and count on how many images each is right."""
    import ghostdeploy

    with tempfile.TemporaryDirectory() as scratch, stages() as progress:
        data = open_set(fetch(progress=progress))
        images = fetch(Path(scratch) / "images", folders=True, limit=calibration, progress=progress) / "train"
        model = ghostdeploy.load(weights)
        bundles = (ghostdeploy.export(model, Path(scratch) / "both", precisions=("fp32", "fp16", "int8"),
                                      calibration=images, progress=progress),
                   ghostdeploy.export(model, Path(scratch) / "pte", formats=("pte",), precisions=("mixed",),
                                      calibration=images, progress=progress))
        found = [each for bundle in bundles for each in accuracy(model, bundle, data.test, count, progress=progress)]
        text = markdown(weights, bundles, found, calibration)
    publish(text, output)


def markdown(weights: Path, bundles: Sequence[Bundle], found: Sequence[Accuracy], calibration: int) -> str:
    """One row for the checkpoint and one for each artifact."""
    bundle = bundles[0]
    sizes = {artifact.file.name: artifact.size for each in bundles for artifact in each.artifacts}
    sizes["checkpoint"] = weights.stat().st_size
    lines = [f"# {weights.name}", "",
             f"{bundle.name} at {bundle.preprocessing.input_size} pixels on {found[0].images} test images of CIFAR-10; "
             f"int8 and mixed calibrated with {calibration} training images, of which one in four was kept back. Every "
             "artifact ran in its own runtime on this machine.", "",
             "| | right | top-1 % | as the checkpoint % | MB |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {each.name} | {each.right} | {100 * each.top1:.2f} | {100 * each.agreeing / each.images:.2f} | "
              f"{sizes[each.name] / 1e6:.2f} |" for each in dict.fromkeys(found)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    program(trained)
