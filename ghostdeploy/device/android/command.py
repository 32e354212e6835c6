"""A job as the command line of a benchmark program, and its samples as the files that the program reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ghostdeploy.device.job import Job
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.device.warmup import WarmUpRule
from ghostdeploy.lowering.artifact import TensorSpec


@dataclass(frozen=True)
class Files:
    """Paths where the program runs. `inputs` has one file per input of the model, in its order."""

    model: str
    inputs: tuple[str, ...]
    output: str
    result: str
    library: str | None = None


def words(job: Job, samples: int, files: Files) -> list[str]:
    """The program's options for `job` on `samples` samples; each element is one argument."""
    options = {"--model": files.model, "--output": files.output, "--result": files.result, "--task": job.task,
               "--samples": samples, "--threads": job.threads, "--runs": job.runs, "--every-ns": job.every_ns,
               "--warmup": warm_up(job.warm_up)}
    if job.cpus is not None:
        options["--cpus"] = f"{sum(1 << index for index in job.cpus):x}"
    if files.library is not None:
        options["--library"] = files.library
    if job.half_arithmetic:
        options["--half-arithmetic"] = 1
    pairs = [*options.items(), *(("--input", path) for path in files.inputs)]
    return [str(word) for pair in pairs for word in pair]


def warm_up(rule: WarmUpRule) -> str:
    """The rule's constants, as `--warmup` takes them."""
    constants = (rule.fast, rule.slow, rule.tolerance, rule.similar_runs, rule.min_runs, rule.min_ns, rule.max_ns,
                 rule.fair_runs)
    return "auto:" + ",".join(format(value, "f") if isinstance(value, float) else str(value) for value in constants)


def input_files(samples: Sequence[Sequence[Array]], specs: Sequence[TensorSpec]) -> list[bytes]:
    """The contents of one file per input: every sample's tensor in the artifact's memory order, back to back.

    `samples` holds for each sample every input in the library's order (NCHW for 4-D ones).

    Raises:
        ValueError: a sample has another number of inputs than the artifact.
    """
    return [b"".join(_in_memory(array, spec) for array, spec in zip(column, [spec] * len(samples), strict=True))
            for column, spec in zip(zip(*samples, strict=True), specs, strict=True)]


def _in_memory(array: Array, spec: TensorSpec) -> bytes:
    if array.ndim == 4 and spec.layout in ("nhwc", "channels_last"):
        array = array.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(array).tobytes()
