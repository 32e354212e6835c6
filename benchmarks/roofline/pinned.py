"""Models measured one after the other in this process, on one pinned core with one thread."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from ghostdeploy.cli.output import stages
from ghostdeploy.device import machine
from ghostdeploy.device.worker import pin
from ghostdeploy.progress import Progress

Found = TypeVar("Found")


def on_one_core(models: Sequence[str], measure: Callable[[str, Path, Progress], Found],
                cpus: tuple[int, ...] = ()) -> list[Found]:
    """What `measure` finds of each model, given a directory of its own; on the last core where `cpus` names none."""
    pin(cpus or (machine.describe().cores[-1].index,))
    torch.set_num_threads(1)
    found = []
    with tempfile.TemporaryDirectory() as scratch, stages() as progress, torch.no_grad():
        for name in models:
            place = Path(scratch) / name
            place.mkdir()
            found.append(measure(name, place, progress))
    return found
