"""Top-1 of each photo by checkpoint and artifacts, side by side."""

from __future__ import annotations

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from ghostdeploy.bundle import Artifact, Bundle
from ghostdeploy.device.job import Job
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.preprocessing import open_image
from ghostdeploy.tensors import FloatArray

SHOWN = ("chelsea", "coffee", "rocket")
TOP = 5


def show(console: Console, bundle: Bundle) -> None:
    """A table of the five likeliest classes for a few photos, from three sources."""
    golden = bundle.manifest["golden"]
    names = [name.rsplit("/", 1)[-1].removesuffix(".png") for name in golden["photos"]]
    chosen = [names.index(name) for name in SHOWN]
    stored = np.load(bundle.path / golden["photo_outputs"], allow_pickle=False)
    pixels = np.stack([np.asarray(open_image(bundle.path / golden["photos"][i]), np.float32).transpose(2, 0, 1) / 255
                       for i in chosen])
    inputs = bundle.preprocessing.normalise(pixels)
    sources = {"checkpoint": stored[chosen]}
    for artifact in bundle.artifacts:
        sources[f".{artifact.format}"] = run(artifact, inputs)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("photo", *sources):
        table.add_column(column, no_wrap=True, min_width=len(SHOWN[0]))
    for row, name in enumerate(SHOWN):
        table.add_row(name, *(top(outputs[row], bundle.labels) for outputs in sources.values()), end_section=True)
    console.print(table)
    console.print("The artifacts answer as the checkpoint does, right or wrong: it takes chelsea, an Egyptian cat, "
                  "for a tiger cat first.")


def run(artifact: Artifact, inputs: FloatArray) -> FloatArray:
    """The artifact's outputs for NCHW inputs, in a fresh process."""
    job = Job(artifact.file, artifact.format, "infer", artifact.inputs, artifact.outputs)
    samples = [(inputs[i:i + 1],) for i in range(len(inputs))]
    return np.concatenate([outputs[0] for outputs in LocalDevice().run(job, samples).outputs])


def top(logits: FloatArray, labels: tuple[str, ...] | None) -> str:
    """The likeliest classes with their probabilities, one a line."""
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    order = np.argsort(-probabilities)[:TOP]
    return "\n".join(f"{probabilities[i]:5.1%} {labels[i] if labels else i}" for i in order)
