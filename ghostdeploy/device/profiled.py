"""Where the time of an artifact goes, measured in a worker."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np

from ghostdeploy.device.job import Job, PartTime, Profiled
from ghostdeploy.device.measuring import timed
from ghostdeploy.device.runtimes import runtime
from ghostdeploy.device.runtimes.base import Array, Session
from ghostdeploy.tensors import arranged


def profiled(job: Job, session: Session, sample: Sequence[Array]) -> Profiled:
    """The profile of `job`, whose artifact is open in `session` and takes `sample` in its own layout.

    Raises:
        ArtifactRejected, RunnerFailed: see `Device.run`.
    """
    warm_up = job.warm_up.min_runs
    if job.format == "tflite":
        from ghostdeploy.device.runtimes.litert_profiler import LitertProfiler  # only this format has one

        return LitertProfiler(job.artifact, job.threads).measure(sample, warm_up, job.runs)
    return _in_turns(job, session, sample, warm_up)


def _in_turns(job: Job, session: Session, sample: Sequence[Array], warm_up: int) -> Profiled:
    """The whole, then its parts once each in their order, and again: so each part finds the caches as it does in the
    whole, where the weights of all others went through before its turn.

    GhostNetV3 1.0x has 24 MB of them: run twenty times in a row, its blocks took 0.81 to 0.87 of the whole together,
    in turns 0.98 to 1.00 (three processes of both). Beside other work, the whole was seen half as slow again.
    """
    chosen = runtime(job.format)
    runs: list[tuple[Session, Sequence[Array]]] = [(session, sample)]
    for part in job.parts:
        opened = chosen.load(part, job.threads)
        runs.append((opened, _random_inputs(opened)))
    gc.collect()
    gc.disable()
    passes = [[timed(*run) for run in runs] for _ in range(warm_up + job.runs)][warm_up:]
    gc.enable()
    whole, *parts = np.median(np.array(passes), axis=0)
    return Profiled(float(whole), tuple(PartTime(file.stem, float(ns)) for file, ns in zip(job.parts, parts,
                                                                                             strict=True)), job.runs)


def _random_inputs(session: Session) -> list[Array]:
    chance = np.random.default_rng(0)
    return arranged([chance.random(spec.shape, np.float32) for spec in session.inputs], session.inputs)
