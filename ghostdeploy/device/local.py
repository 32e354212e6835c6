"""This machine as a device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ghostdeploy.device import machine, process
from ghostdeploy.device.base import ArtifactKind, DeviceInfo, DeviceState
from ghostdeploy.device.control import Control, Uncontrolled, Wishes
from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.errors import FileMissing, FileUnreadable
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.progress import Progress


class LocalDevice:
    """Runs every job in a fresh process here. See `Device`."""

    def describe(self) -> DeviceInfo:
        """See `Device.describe`."""
        return machine.describe()

    def state(self) -> DeviceState:
        """See `Device.state`."""
        return machine.state()

    def refusal(self, kind: ArtifactKind) -> None:
        """See `Device.refusal`: this machine's runtimes take every kind."""

    def shares_processes(self) -> bool:
        """See `Device.shares_processes`."""
        return True

    def prepare(self, artifacts: Sequence[tuple[Path, Format]]) -> None:
        """See `Device.prepare`; a worker process brings all it needs."""

    def controlled(self, wishes: Wishes, progress: Progress) -> AbstractContextManager[Control]:
        """See `Device.controlled`; this machine is left as it is."""
        return nullcontext(Uncontrolled(wishes))

    def run(self, job: Job, samples: Sequence[Sequence[Array]]) -> Run:
        """See `Device.run`.

        Raises:
            FileMissing, FileUnreadable: the artifact is not there, or no file.
        """
        for each in (job, *job.beside):
            if not each.artifact.exists():
                raise FileMissing(f"no such artifact: {each.artifact}", "", "check the path")
            if each.artifact.is_dir():
                raise FileUnreadable(f"{each.artifact} is a directory", "an artifact is a file", "name the file")
        return process.run(job, samples)
