"""How a measurement is made: how many processes and runs, with which threads on which CPUs, in which order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ghostdeploy.benchmark.subject import Subject
from ghostdeploy.device.job import Job, Task
from ghostdeploy.device.warmup import ANDROIDX, WarmUpRule
from ghostdeploy.errors import UsageError

MEMORY_RUNS = 10        # resident memory moved by at most 4 kB between the first and the 100th run, in all runtimes
MOST_ROUNDS, MOST_RUNS, MOST_THREADS, MOST_MINUTES = 1000, 100_000, 256, 240.0

RIGOROUS_ROUNDS, RIGOROUS_RUNS, RIGOROUS_NS = 7, 1024, 60_000_000_000

# A round may take its warm-up and this much before it counts as a hang: far beyond any model of the zoo (tens of
# milliseconds a run for most), so that a busy machine is not mistaken for one.
START_SECONDS = 60.0
SECONDS_PER_RUN = 2.0


@dataclass(frozen=True)
class Protocol:
    """What to do. `rounds=1` is the seed paper's protocol (100 runs); 5 tell how much processes differ.

    Attributes:
        threads: thread counts, each measured and reported by itself.
        cpus: CPUs to pin to; None leaves the scheduler free, as an app would.
        every_ns: an app's cadence: time between the starts of runs; 0 is back to back.
        min_ns: rounds go on until every artifact has as much of timed runs.
        sustained_minutes: after the rounds each artifact runs so long without a pause; 0 for not at all.
    """

    runs: int = 100
    rounds: int = 5
    threads: tuple[int, ...] = (1,)
    cpus: tuple[int, ...] | None = None
    warm_up: WarmUpRule = ANDROIDX
    every_ns: int = 0
    min_ns: int = 0
    sustained_minutes: float = 0.0

    def __post_init__(self) -> None:
        for name, values, most in (("runs", (self.runs,), MOST_RUNS), ("rounds", (self.rounds,), MOST_ROUNDS),
                                   ("threads", self.threads, MOST_THREADS)):
            if not values or any(not 1 <= value <= most for value in values):
                raise UsageError(f"--{name} {','.join(map(str, values))} is out of range", f"it goes from 1 to {most}",
                                 "choose a number within it")
        if not 0 <= self.sustained_minutes <= MOST_MINUTES:     # false for NaN too
            raise UsageError(f"--sustained {self.sustained_minutes} is out of range",
                             f"it goes from 0 to {MOST_MINUTES:g} minutes", "choose a number of minutes within it")
        if self.every_ns < 0:
            raise UsageError("--every-ms is below 0", "it is the time between two runs", "choose 0 or more")

    def rigorous(self) -> Protocol:
        """At least 7 rounds, 1024 runs a round and 60 s of runs: MLPerf's single-stream rule (1024 queries, 60 s), and
        rounds enough for an interval that takes nothing for normal."""
        return replace(self, rounds=max(self.rounds, RIGOROUS_ROUNDS), runs=max(self.runs, RIGOROUS_RUNS),
                       min_ns=max(self.min_ns, RIGOROUS_NS))

    def job(self, subject: Subject, threads: int, task: Task) -> Job:
        """The job of one process. The memory pass is not timed, so a few runs and no warm-up do."""
        runs = MEMORY_RUNS if task == "memory" else self.runs
        deadline = (START_SECONDS + (self.warm_up.max_ns + self.every_ns * runs) / 1e9
                    + SECONDS_PER_RUN * (runs + self.warm_up.fair_runs))
        return Job(subject.path, subject.model.format, task, subject.inputs, subject.outputs, threads, self.cpus, runs,
                   self.warm_up, self.every_ns, deadline, subject.half_arithmetic)


def orders(count: int, seed: str) -> Iterator[list[int]]:
    """For each round, without end, the order in which the artifacts are measured, drawn anew.

    So no drift and no rhythm of the machine can favour one of them, and the intervals of comparisons hold (Fisher
    1935, The Design of Experiments, chapter 2). Taking turns (A B, B A, ...) puts the drift into the scatter instead:
    on a simulated machine that gets 8 % slower, intervals covered the true ratio in 98.0 %, and 93.8 % as it is here.
    """
    chance = random.Random(seed)     # noqa: S311 (an order, not a secret)
    while True:
        yield chance.sample(range(count), count)
