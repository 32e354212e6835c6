"""Models of the zoo, exported with random weights and measured one after the other; what was measured is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.benchmark.measure import measure
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import Result, load_all, save_all
from ghostdeploy.benchmark.run import Setting, opened
from ghostdeploy.benchmark.subject import subjects
from ghostdeploy.device.base import Device, DeviceInfo
from ghostdeploy.errors import DeviceError, GhostdeployError, UsageError, WriteFailed
from ghostdeploy.exporter import export
from ghostdeploy.loading import load
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.version import VERSION
from ghostdeploy.writing import make_directory

SCRATCH = ".ghostdeploy-scratch"


@dataclass(frozen=True)
class Measured:
    """A model with its results; where it could not be measured there are none, and `failure` says why."""

    model: str
    results: tuple[Result, ...]
    failure: str | None = None


def measure_zoo(models: Sequence[str], directory: Path, setting: Setting, formats: Sequence[Format],
                progress: Progress = SILENT) -> list[Measured]:
    """Measure every model in turn; results stand in `directory` as soon as they are there, one file a model.

    A run that was stopped goes on with what is missing: a file that holds what is asked for now (by this version, on
    this device, with the same formats, runs, rounds, threads and CPUs) is taken as it is. Models are not interleaved:
    minutes lie between them.

    Raises:
        DeviceError, UsageError, WriteFailed: what the next model would meet too. Any other failure is the model's own.
    """
    make_directory(directory)
    with opened(setting) as (target, protocol):
        def measured(number: int, name: str) -> Measured:
            file = directory / f"{name}.json"
            kept = _kept(file, target.describe(), protocol, formats, progress)
            if kept is not None:
                progress.note(f"{name}: measured {kept[0].created}, kept")
                return Measured(name, kept)
            progress.note(f"{name}: {number} of {len(models)}")
            try:
                results = _exported_and_measured(name, directory, target, protocol, setting, formats, progress)
            except (DeviceError, UsageError, WriteFailed):
                raise
            except GhostdeployError as error:
                progress.note(f"{name} cannot be measured: {error.what}")
                return Measured(name, (), error.what)
            save_all(results, file)
            return Measured(name, tuple(results))

        return [measured(number, name) for number, name in enumerate(models, 1)]


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """Room for one bundle below the table's own directory, where the next run finds what a killed one left."""
    place = directory / SCRATCH
    shutil.rmtree(place, ignore_errors=True)
    make_directory(place)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _exported_and_measured(name: str, directory: Path, target: Device, protocol: Protocol, setting: Setting,
                           formats: Sequence[Format], progress: Progress) -> list[Result]:
    with _scratch(directory) as scratch:
        bundle = export(load(model=name, random_weights=True), scratch / name, formats=formats,
                        progress=progress)
        return measure(subjects(bundle.path), target, protocol, progress, setting.wishes)


def _kept(file: Path, device: DeviceInfo, protocol: Protocol, formats: Sequence[Format],
          progress: Progress) -> tuple[Result, ...] | None:
    """The results in the file, if they are what is asked for; a file that was damaged is measured again."""
    if not file.exists():
        return None
    try:
        found = load_all(file)
    except GhostdeployError as error:
        progress.note(f"measured again: {error.what}: {error.why}")
        return None
    asked = {(VERSION, device.title, device.size, protocol.runs, protocol.rounds, threads, protocol.cpus, format)
             for threads in protocol.threads for format in formats}
    held = {(r.ghostdeploy, r.device.title, r.device.size, r.protocol.runs, r.protocol.rounds, r.protocol.threads,
             r.protocol.cpus, r.model.format) for r in found}
    return tuple(found) if held == asked else None
