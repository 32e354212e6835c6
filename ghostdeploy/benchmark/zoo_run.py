"""Models of the zoo, exported with random weights and measured one after the other; what was measured is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.benchmark.result import Result, load_all, save_all
from ghostdeploy.benchmark.run import Setting, bench_with
from ghostdeploy.errors import DeviceError, GhostdeployError, Interrupted
from ghostdeploy.exporter import export
from ghostdeploy.loading import load
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.version import VERSION
from ghostdeploy.writing import writing


@dataclass(frozen=True)
class Measured:
    """A model with its results; where it could not be measured there are none, and `failure` says why."""

    model: str
    results: tuple[Result, ...]
    failure: str | None = None


def measure_zoo(models: Sequence[str], directory: Path, setting: Setting, formats: Sequence[Format],
                progress: Progress = SILENT) -> list[Measured]:
    """Measure every model in turn; results stand in `directory` as soon as they are there, one file a model.

    A run that was stopped goes on with what is missing: a file that holds what is asked for now (by this version, with
    the same formats, runs, rounds and threads) is taken as it is. Models are not interleaved: minutes lie between them.

    Raises:
        DeviceError: the device went away, which the next model would meet too. Any other failure is the model's own.
        WriteFailed: the directory cannot be made or written.
    """
    with writing(directory, "choose another directory with -o"):
        directory.mkdir(parents=True, exist_ok=True)
    return list(_each(models, directory, setting, formats, progress))


def _each(models: Sequence[str], directory: Path, setting: Setting, formats: Sequence[Format],
          progress: Progress) -> Iterator[Measured]:
    for number, name in enumerate(models):
        file = directory / f"{name}.json"
        kept = _kept(file, setting, formats)
        if kept is not None:
            progress.note(f"{name}: measured {kept[0].created}, kept")
            yield Measured(name, kept)
            continue
        progress.note(f"{name}: {number + 1} of {len(models)}")
        try:
            results = _measured(name, setting, formats, progress)
        except (DeviceError, Interrupted):
            raise
        except GhostdeployError as error:
            progress.note(f"{name}: {error.what}")
            yield Measured(name, (), error.what)
            continue
        save_all(results, file)
        yield Measured(name, tuple(results))


def _measured(name: str, setting: Setting, formats: Sequence[Format], progress: Progress) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-table-") as scratch:
        bundle = export(load(model=name, random_weights=True), Path(scratch) / name, formats=formats,
                        progress=progress)
        return bench_with(setting, bundle.path, progress=progress)


def _kept(file: Path, setting: Setting, formats: Sequence[Format]) -> tuple[Result, ...] | None:
    """The results in the file, if they are what is asked for; a file that was damaged is measured again."""
    if not file.is_file():
        return None
    try:
        found = load_all(file)
    except GhostdeployError:
        return None
    asked = (VERSION, setting.runs, setting.rounds, setting.threads)
    fits = all((r.ghostdeploy, r.protocol.runs, len(r.medians_ns()), r.protocol.threads) == asked for r in found)
    here = setting.device is None or {r.device.serial for r in found} == {setting.device}
    return tuple(found) if fits and here and {r.model.format for r in found} == set(formats) else None
