"""One fresh process of a measurement, as it came back."""

from __future__ import annotations

from dataclasses import dataclass

from ghostdeploy.benchmark import statistics
from ghostdeploy.benchmark.result import Round
from ghostdeploy.device.base import DeviceState
from ghostdeploy.device.job import Run, Timing
from ghostdeploy.errors import RunnerFailed


@dataclass(frozen=True)
class Attempt:
    """A run, its place in the order of the command, and the device around it.

    `spoiled` says why it should not count (throttling); `discarded` whether it was repeated for that.
    """

    position: int
    started: str
    before: DeviceState
    after: DeviceState
    run: Run
    spoiled: str | None = None
    discarded: bool = False

    @property
    def timing(self) -> Timing:
        """The timed part.

        Raises:
            RunnerFailed: the device sent none.
        """
        if self.run.report.timing is None or self.run.report.first_ns is None:
            raise RunnerFailed("the device answered a timing job without times", "", "please report it")
        return self.run.report.timing

    def record(self) -> Round:
        """The round as the result keeps it."""
        report, timing = self.run.report, self.timing
        return Round(
            position=self.position, started=self.started, load_ns=report.load_ns, first_ns=report.first_ns or 0,
            warm_up=timing.warm_up, samples_ns=timing.samples_ns, outliers=statistics.outliers(timing.samples_ns),
            late=timing.late, preempted=timing.preempted, stable=timing.stable, threads=report.threads.in_effect,
            cpus=report.cpus, before=self.before, after=self.after,
            discarded=self.spoiled if self.discarded else None)
