"""The same random GhostNetV3 1.0x twice through our .tflite lowering: as trained (unfused), and fused."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console

from ghostdeploy.benchmark.run import bench
from ghostdeploy.cli.output import stages
from ghostdeploy.exporter import export
from ghostdeploy.loading import load
from ghostdeploy.lowering.tflite import lower_tflite
from ghostdeploy.report.terminal import render_results
from ghostdeploy.trace import trace

MODEL = "ghostnetv3_100"


def show(console: Console, directory: Path, rounds: int) -> None:
    """Lower both, measure them interleaved in one run, and print the ratio of their medians."""
    with stages() as progress:
        progress.stage(f"build {MODEL}")
        model = load(model=MODEL, random_weights=True)
        bundle = export(model, directory, formats=("tflite",), progress=progress)
        progress.stage("lower the unfused training graph to .tflite")
        example = torch.zeros(1, 3, model.preprocessing.input_size, model.preprocessing.input_size)
        unfused = directory.parent / f"{MODEL}-unfused.tflite"
        unfused.write_bytes(lower_tflite(trace(model.module, example), example).data)
        results = bench(bundle.path, unfused, device="local", rounds=rounds, progress=progress)
    render_results(console, results)
    fused, whole = (result.summary.median_ms for result in results)
    console.print(f"Fusion: the fused graph takes [bold]{fused / whole:.2f}[/] of the unfused one's time in this run.")
