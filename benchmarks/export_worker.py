"""The fresh process of one export: `python -m benchmarks.export_worker DIRECTORY`, with an `Order` on stdin."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.child import serve
from benchmarks.exporters import exporter
from benchmarks.models import Source
from ghostdeploy.device import processinfo
from ghostdeploy.photos import real_photos


@dataclass(frozen=True)
class Order:
    """Export `source` by `exporter` to `target`."""

    source: Source
    exporter: str
    target: Path


@dataclass(frozen=True)
class Cost:
    """What an export took.

    Attributes:
        seconds, cpu_seconds: from the module in memory to the file on disk: wall clock, and CPU time of the process
            and its children. Importing the libraries and building the model are not in it.
        peak_rss_kb: of the whole process from its start, or of its largest child where that is larger.
    """

    seconds: float
    cpu_seconds: float
    peak_rss_kb: int


def export(order: Order, _directory: Path) -> Cost:
    """Do the export, with the cores that the parent has: exporters are not pinned."""
    torch.set_num_threads(1)      # tracing is one thread; a second one would only wait for it
    write = exporter(order.exporter)
    model = order.source.load()
    example = torch.from_numpy(model.preprocessing.tensor(real_photos()[0].image))
    wall, cpu = time.perf_counter(), _cpu_seconds()
    write(model.module, example, order.target)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return Cost(time.perf_counter() - wall, _cpu_seconds() - cpu, max(processinfo.peak_kb(), children))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    from benchmarks import export_worker

    serve(export_worker.Order, export_worker.export)
