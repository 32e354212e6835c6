"""How often artifacts name labelled images right, beside their checkpoint: what the users of an app will notice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ghostdeploy.bundle import Bundle
from ghostdeploy.datasets.dataset import Split
from ghostdeploy.device.base import Device
from ghostdeploy.device.local import LocalDevice
from ghostdeploy.model import Model
from ghostdeploy.parity import outputs_of
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.tensors import FloatArray

BATCH = 50
CHUNK_BYTES = 100_000_000     # inputs that are held at a time; a process each, which starts in 2 s


@dataclass(frozen=True)
class Accuracy:
    """Of `images` labelled images: how many got their label as the highest class, and how many the checkpoint's."""

    name: str
    right: int
    agreeing: int
    images: int

    @property
    def top1(self) -> float:
        """The share named right, 0 to 1."""
        return self.right / self.images


def accuracy(model: Model, bundle: Bundle, split: Split, count: int | None = None, *, device: Device | None = None,
             progress: Progress = SILENT) -> tuple[Accuracy, ...]:
    """The accuracy of `model` as loaded ("checkpoint"), and of every artifact of its bundle, in its own runtime.

    Args:
        model: what the bundle was exported from.
        bundle: whose artifacts take images as the model does (normalisation outside).
        split: labelled images.
        count: the first so many; all by default.
        device: where artifacts run; this machine by default.

    Raises:
        DeviceError, ArtifactRejected: see `Device.run`.
    """
    labels = split.labels[:count]
    target = device or LocalDevice()
    named: dict[str, list[NDArray[np.int64]]] = {"checkpoint": [], **{each.file.name: [] for each in bundle.artifacts}}
    chunk = max(1, CHUNK_BYTES // (4 * 3 * model.preprocessing.input_size ** 2))
    for start in range(0, len(labels), chunk):
        numbers = range(start, min(start + chunk, len(labels)))
        progress.stage(f"images {numbers.start + 1} to {numbers.stop} of {len(labels)}")
        inputs = _inputs(split, numbers, model.preprocessing)
        named["checkpoint"].append(_classes(model.module, inputs))
        for artifact in bundle.artifacts:
            named[artifact.file.name].append(outputs_of(artifact.under_test, inputs, target).argmax(1))
    found = {name: np.concatenate(parts) for name, parts in named.items()}
    truth = found["checkpoint"]
    return tuple(Accuracy(name, int((classes == labels).sum()), int((classes == truth).sum()), len(labels))
                 for name, classes in found.items())


@torch.no_grad()
def _classes(module: nn.Module, inputs: FloatArray) -> NDArray[np.int64]:
    """The highest class of each input; many at a time, which agrees with one by one but for float32's noise."""
    found = [module(batch).argmax(1) for batch in torch.split(torch.from_numpy(inputs), BATCH)]
    return np.asarray(torch.cat(found))


def _inputs(split: Split, numbers: range, prep: Preprocessing) -> FloatArray:
    return np.concatenate([prep.tensor(split.image(number)) for number in numbers])
