"""The fresh process of one round: `python -m benchmarks.worker DIRECTORY`, with a `Task` on stdin.

Pinned first, then the runtime is imported and given its threads, then the file is opened; the loop that warms up and
times is that of `ghostdeploy bench`, for every peer the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.child import serve
from benchmarks.runtimes import runtime
from ghostdeploy.device import measuring, processinfo
from ghostdeploy.device.job import Timing
from ghostdeploy.device.runtimes.base import Array, RuntimeInfo, Session
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.device.worker import pin
from ghostdeploy.tensors import from_layout, to_layout

OUTPUTS = "outputs.npy"


@dataclass(frozen=True)
class Task:
    """Run `artifact` on every image of `images` (.npy, [N, 3, H, W]), then time it on the first."""

    runtime: str
    artifact: Path
    images: Path
    threads: int
    cpus: tuple[int, ...]
    runs: int
    warm_up: WarmUpRule
    every_ns: int = 0       # back to back: what `time_runs` asks of a job


@dataclass(frozen=True)
class Report:
    """What one round did; the outputs lie beside it.

    Attributes:
        cpus: read back from every thread of the process.
        cpu_ns: CPU time of the process, all its threads, in each timed run.
    """

    runtime: RuntimeInfo
    cpus: tuple[int, ...]
    load_ns: int
    timing: Timing
    cpu_ns: tuple[int, ...]


class Metered:
    """A session that notes the CPU time of every `invoke`; reading the clock takes 0.3 us."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.inputs, self.outputs = session.inputs, session.outputs
        self.cpu_ns: list[int] = []

    def feed(self, arrays: Sequence[Array]) -> None:
        """See `Session.feed`."""
        self._session.feed(arrays)

    def invoke(self) -> None:
        """See `Session.invoke`."""
        start = time.process_time_ns()
        self._session.invoke()
        self.cpu_ns.append(time.process_time_ns() - start)

    def read(self) -> list[Array]:
        """See `Session.read`."""
        return self._session.read()


def work(task: Task, directory: Path) -> Report:
    """Do the round."""
    pin(task.cpus)
    chosen = runtime(task.runtime)
    chosen.prepare(task.threads)
    start = time.perf_counter_ns()
    session = Metered(chosen.load(task.artifact, task.threads))
    load_ns = time.perf_counter_ns() - start
    images = [to_layout(image[None], session.inputs[0].layout) for image in np.load(task.images)]
    answers = [_answer(session, image) for image in images]
    np.save(directory / OUTPUTS, np.concatenate([from_layout(a[0], session.outputs[0].layout) for a in answers]))
    (timing, _), = measuring.time_runs([measuring.Turn(session, [images[0]], answers[0])], task, lambda stage: None)
    return Report(chosen.info(), processinfo.affinity(), load_ns, timing, tuple(session.cpu_ns[-task.runs:]))


def _answer(session: Session, image: Array) -> list[Array]:
    session.feed([image])
    session.invoke()
    return session.read()


if __name__ == "__main__":
    from benchmarks import worker

    serve(worker.Task, worker.work)
