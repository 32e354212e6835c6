"""`make demo`: the main job on real input, from a really trained checkpoint to a measured bundle.

1. GhostNetV3 0.5x, trained on CIFAR-10 by this project's recipe, becomes a bundle, proven on real photos.
2. What checkpoint, .pte and .tflite say about CIFAR-10's test images, in float32 and in int8.
3. The bundle is measured on this machine.
4. GhostNetV3 1.0x with random weights, labelled so: what fusion does to its latency.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from demo import answers, fusion_gain
from ghostdeploy.benchmark.run import bench
from ghostdeploy.cli import quieten
from ghostdeploy.cli.export import render as render_bundle
from ghostdeploy.cli.output import stages
from ghostdeploy.datasets.cifar10 import fetch
from ghostdeploy.datasets.dataset import DataSet
from ghostdeploy.datasets.fetched import open_set
from ghostdeploy.errors import FetchFailed
from ghostdeploy.exporter import export
from ghostdeploy.loading import load
from ghostdeploy.progress import Progress
from ghostdeploy.report.page import page
from ghostdeploy.report.terminal import render_results
from ghostdeploy.writing import write_whole

OUT = Path("out/demo")
WEIGHTS = Path("tests/trained/ghostnetv3_050-cifar10.safetensors")
CALIBRATION, TESTED = 200, 1000     # training images for int8, test images
ROUNDS = 3    # half a minute each; a measurement to quote takes the default of 5


def main() -> None:
    """The whole demo; about three minutes on two cores."""
    quieten()
    console = Console()
    shutil.rmtree(OUT, ignore_errors=True)    # ours alone: `out/` is ignored by git and made by this demo

    chapter(console, "1. A trained checkpoint becomes a proven bundle")
    with stages() as progress:
        progress.stage("load the checkpoint and find its architecture")
        model = load(WEIGHTS)
        progress.note(f"it is {model.name} in {model.weights.form} form: {model.classes} classes, sha256 "
                      f"{(model.weights.sha256 or '')[:12]}…")
        data = test_images(progress)
        calibration = None if data is None else fetch(OUT / "images", folders=True, limit=CALIBRATION) / "train"
        bundle = export(model, OUT / model.name, precisions=("fp32",) if data is None else ("fp32", "int8"),
                        calibration=calibration, progress=progress)
    render_bundle(console, bundle)

    chapter(console, "2. The same test images through the checkpoint and every artifact")
    if data is None:
        console.print("Left out: CIFAR-10 could not be fetched (see above).")
    else:
        answers.show(console, model, bundle, data, TESTED)

    chapter(console, f"3. Latency on this machine: {ROUNDS} fresh processes each, 100 runs, one thread")
    with stages() as progress:
        results = bench(bundle.path, device="local", rounds=ROUNDS, progress=progress)
    render_results(console, results)
    write_whole(OUT / "report.html", page(results))
    console.print(f"The same as a page: [bold]{OUT / 'report.html'}[/]")

    chapter(console, "4. What fusion is worth: GhostNetV3 1.0x, random weights (latency only)")
    fusion_gain.show(console, OUT / fusion_gain.MODEL, ROUNDS)
    console.print(f"Bundles: [bold]{OUT}[/]. Next: ghostdeploy export --target android --checkpoint YOUR.pth")


def test_images(progress: Progress) -> DataSet | None:
    """CIFAR-10; None where it cannot be fetched, which is said: no reason to show nothing else."""
    try:
        return open_set(fetch(progress=progress))
    except FetchFailed as error:
        progress.note(f"{error.what}: {error.why}; {error.next}")
        return None


def chapter(console: Console, title: str) -> None:
    """A heading."""
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left"))


if __name__ == "__main__":
    sys.exit(main())
