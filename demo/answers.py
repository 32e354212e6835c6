"""What checkpoint and artifacts say about the same test images, and how often each is right."""

from __future__ import annotations

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from ghostdeploy.accuracy import accuracy
from ghostdeploy.bundle import Bundle
from ghostdeploy.cli.output import stages
from ghostdeploy.datasets.dataset import DataSet
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.model import Model
from ghostdeploy.parity import outputs_of
from ghostdeploy.reference import answers
from ghostdeploy.tensors import FloatArray

SHOWN = 6


def show(console: Console, model: Model, bundle: Bundle, data: DataSet, count: int) -> None:
    """Answers to the first test images one by one, then how many of `count` each names right."""
    inputs = np.concatenate([model.preprocessing.tensor(data.test.image(number)) for number in range(SHOWN)])
    said = {"checkpoint": answers(model.module, inputs, softmax=False)}
    said |= {f"{each.precision}\n.{each.format}": outputs_of(each.under_test, inputs, LocalDevice())
             for each in bundle.artifacts}
    with stages() as progress:
        found = accuracy(model, bundle, data.test, count, progress=progress)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("image", *said):
        table.add_column(column, no_wrap=True)
    for row in range(SHOWN):
        told = (top(outputs[row], data.classes) for outputs in said.values())
        table.add_row(data.classes[data.test.labels[row]], *told)
    table.add_section()
    table.add_row(f"right of {count}", *(f"{each.top1:.1%}" for each in found), style="bold")
    console.print(table)


def top(logits: FloatArray, labels: tuple[str, ...]) -> str:
    """The likeliest class with its probability."""
    probabilities = np.exp(logits - logits.max())
    best = int(probabilities.argmax())
    return f"{probabilities[best] / probabilities.sum():4.0%} {labels[best]}"
