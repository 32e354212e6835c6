"""Results from made-up rounds, through the real assembly: for tests of files and reports, which need no artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ghostdeploy.benchmark.assembly import assemble
from ghostdeploy.benchmark.protocol import Protocol
from ghostdeploy.benchmark.result import MeasuredModel, Result
from ghostdeploy.benchmark.round import Attempt
from ghostdeploy.benchmark.subject import Golden, Subject
from ghostdeploy.device.base import DeviceState
from ghostdeploy.device.job import Memory, RoundReport, Run, Threads, Timing
from ghostdeploy.device.machine import describe
from ghostdeploy.device.runtimes.base import RuntimeInfo
from ghostdeploy.device.warmup import WarmUp

OUTPUT = np.array([[1.0, 3.0, 2.0]], np.float32)


def synthetic(*, weights: Literal["checkpoint", "random"] = "checkpoint", golden: bool = True, seed: int = 0) -> Result:
    """Five rounds of twenty runs about 5 ms with one spike in each."""
    model = MeasuredModel("small", "small", "model.fp32.pte", 1000, "0" * 64, "pte", "fp32", weights)
    subject = Subject(Path("model.fp32.pte"), model, None, None, (), "made up",
                      Golden(OUTPUT, 1e-5) if golden else None)
    random = np.random.default_rng(seed)
    attempts = [_attempt(i, [int(v) for v in random.normal(5e6, 3e4, 19)] + [90_000_000]) for i in range(5)]
    memory = Memory(200_000, 201_000, 202_000, 202_000, 203_000, None, 10)
    return assemble(subject, 1, Protocol(runs=20), describe(), attempts, memory)


def _attempt(position: int, samples: list[int]) -> Attempt:
    state = DeviceState((None,), None, 0.1, 1.0)
    timing = Timing(WarmUp(50, 250_000_000, True), tuple(samples), 0, 1, True)
    report = RoundReport(RuntimeInfo("executorch", "1.4.1", None), (), (), Threads(1, 1), (0, 1), 2_000_000, 9_000_000,
                         timing, None)
    return Attempt(position, "2026-01-01T00:00:00+00:00", state, state, Run(report, ((OUTPUT,), (OUTPUT,))))
