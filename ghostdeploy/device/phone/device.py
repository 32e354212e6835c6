"""A phone as a device: jobs run there in the native benchmark program, as on this machine in a worker process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.android import command
from ghostdeploy.device.android.report import run_of
from ghostdeploy.device.base import ArtifactKind, DeviceInfo, DeviceState
from ghostdeploy.device.control import Control, Wishes
from ghostdeploy.device.half_arithmetic import can_compute_half
from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.phone import deploy, detached, ending, runs
from ghostdeploy.device.phone.claim import Claim, claimed
from ghostdeploy.device.phone.control import controlled
from ghostdeploy.device.phone.describe import describe
from ghostdeploy.device.phone.equipment import Equipment, equipment, refusal
from ghostdeploy.device.phone.runs import RunDirectory
from ghostdeploy.device.phone.state import state
from ghostdeploy.device.phone.steadily import steadily
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.errors import DeviceError, GhostdeployError, UsageError
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.progress import Progress

MB_PER_S = 1.0              # the slowest links; see deploy.py


class PhoneDevice:
    """A phone that is claimed. See `Device`; made by `opened`.

    Args:
        claim: on the phone behind `link`.
        runtime: the library to measure instead of the pinned one.
        scratch: a directory for what comes out of archives.
    """

    def __init__(self, link: Link, claim: Claim, runtime: Path | None, scratch: Path) -> None:
        self.link = link
        self._claim, self._runtime, self._scratch = claim, runtime, scratch
        self._needed: dict[Path, Equipment] = {}
        self._stored: dict[str, deploy.Stored] = {}

    @cached_property
    def _info(self) -> DeviceInfo:
        return describe(self.link)

    def describe(self) -> DeviceInfo:
        """See `Device.describe`."""
        return self._info

    def state(self) -> DeviceState:
        """See `Device.state`."""
        return steadily(self.link, lambda: state(self.link, self._info))

    def refusal(self, kind: ArtifactKind) -> GhostdeployError | None:
        """See `Device.refusal`."""
        return refusal(kind, self._info)

    def shares_processes(self) -> bool:
        """See `Device.shares_processes`: the programs there run one artifact each."""
        return False

    def prepare(self, artifacts: Sequence[tuple[Path, Format]]) -> None:
        """See `Device.prepare`; nothing is pushed, and nothing of the phone is changed.

        Raises:
            See `equipment`.
        """
        for artifact, format in artifacts:
            self._equipment(artifact, format)

    def controlled(self, wishes: Wishes, progress: Progress) -> AbstractContextManager[Control]:
        """See `Device.controlled`.

        Raises:
            DeviceNotReady, UsageError, PushFailed, DeviceError: see `phone.control.controlled`.
        """
        return controlled(self.link, wishes, progress)

    def run(self, job: Job, samples: Sequence[Sequence[Array]]) -> Run:
        """See `Device.run`. The phone is left without the run's files and processes, however this call ends.

        Raises:
            DeviceUnsuitable: there is no room; and see `prepare`.
            PushFailed, PullFailed, DeviceLost, DeviceHung, DeviceRebooted: on the way.
        """
        if job.inputs is None:
            raise UsageError("a job on a phone must say what its inputs are", "", "please report it")
        needed = self._equipment(job.artifact, job.format)
        # XNNPACK refuses the whole model where the CPU cannot (tests/runner/test_half_arithmetic.py).
        job = replace(job, half_arithmetic=job.half_arithmetic and can_compute_half(self._info.features))
        tools, model = self._store(needed.tools), self._store([needed.model])
        # ExecuTorch's program is linked to its library.
        library = tools / needed.library.soname if needed.library.name == "tflite" else None
        with self._run_directory() as directory:
            files = steadily(self.link, lambda: self._inputs(job, samples, directory, model / needed.model.name,
                                                             library))
            words = (tools / needed.tools[0].name, *command.words(job, len(samples), files))
            started = detached.start(self.link, directory, words, self._claim.boot_id)
            status = detached.wait(self.link, started, job.deadline_s)
            document = steadily(self.link, lambda: ending.document(self.link, directory, status))
            outputs = b"" if document.measured is None else \
                steadily(self.link, lambda: self.link.pull(files.output, deadline_s=ending.PULL_S))
        return run_of(job, document, outputs, needed.library)

    @contextmanager
    def _run_directory(self) -> Iterator[RunDirectory]:
        """A directory that goes in the end. Nothing runs for it any more then, unless something went wrong."""
        directory = runs.make_run(self.link)
        try:
            yield directory
        except BaseException:
            with suppress(DeviceError):     # what cannot be cleaned up now is swept by the next command
                runs.end_run(self.link, directory.name)
            raise
        with suppress(DeviceError):
            runs.remove_run(self.link, directory)

    def _equipment(self, artifact: Path, format: Format) -> Equipment:
        if artifact not in self._needed:
            self._needed[artifact] = equipment(artifact, format, self._info, self._runtime, self._scratch)
        return self._needed[artifact]

    def _store(self, cargo: Sequence[deploy.Cargo]) -> deploy.Stored:
        key = " ".join(item.sha256 for item in cargo)
        if key not in self._stored:
            in_use = frozenset(stored.key for stored in self._stored.values())
            self._stored[key] = deploy.store(self.link, cargo, in_use)
        return self._stored[key]

    def _inputs(self, job: Job, samples: Sequence[Sequence[Array]], directory: RunDirectory, model: str,
                library: str | None) -> command.Files:
        paths = []
        for i, data in enumerate(command.input_files(samples, job.inputs or ())):
            paths.append(directory / f"input{i}")
            self.link.push(data, paths[-1], deadline_s=deploy.START_S + len(data) / 1e6 / MB_PER_S)
        return command.Files(model, tuple(paths), directory / "output", directory / "result", library)


@contextmanager
def opened(link: Link, runtime: Path | None = None) -> Iterator[PhoneDevice]:
    """The phone behind `link`, for this process alone; let go of in the end.

    Raises:
        DeviceBusy: another benchmark is at work on it. PushFailed, DeviceError: see `claimed`.
    """
    try:
        with claimed(link) as claim, tempfile.TemporaryDirectory(prefix="ghostdeploy-") as scratch:
            yield PhoneDevice(link, claim, runtime, Path(scratch))
    finally:
        link.close()
