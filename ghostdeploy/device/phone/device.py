"""A phone as a device: jobs run there in the native benchmark program, as on this machine in a worker process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.android import command, elf, needs
from ghostdeploy.device.android.given import given_library
from ghostdeploy.device.android.pinned import ABIS, Abi, RuntimeName
from ghostdeploy.device.android.programs import PhoneProgram, phone_program
from ghostdeploy.device.android.report import run_of
from ghostdeploy.device.android.store import RuntimeLibrary, runtime_library
from ghostdeploy.device.base import DeviceInfo, DeviceState
from ghostdeploy.device.control import Control, Wishes
from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.phone import deploy, detached, ending, runs
from ghostdeploy.device.phone.claim import Claim, claimed
from ghostdeploy.device.phone.control import controlled
from ghostdeploy.device.phone.describe import describe
from ghostdeploy.device.phone.runs import RunDirectory
from ghostdeploy.device.phone.state import state
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.digest import sha256
from ghostdeploy.errors import ArtifactRejected, DeviceError, UsageError
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.phone_errors import DeviceUnsuitable
from ghostdeploy.progress import Progress

RUNTIMES: Final[dict[Format, RuntimeName]] = {"pte": "executorch", "tflite": "tflite"}
MINIMUM_API = 26            # the ident note of both pinned libraries, and what the programs are built for
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
        self._stored: dict[str, deploy.Stored] = {}

    @cached_property
    def _info(self) -> DeviceInfo:
        return describe(self.link)

    def describe(self) -> DeviceInfo:
        """See `Device.describe`."""
        return self._info

    def state(self) -> DeviceState:
        """See `Device.state`."""
        return state(self.link, self._info)

    def controlled(self, wishes: Wishes, progress: Progress) -> AbstractContextManager[Control]:
        """See `Device.controlled`.

        Raises:
            DeviceNotReady, UsageError, PushFailed, DeviceError: see `phone.control.controlled`.
        """
        return controlled(self.link, wishes, progress)

    def run(self, job: Job, samples: Sequence[Sequence[Array]]) -> Run:
        """See `Device.run`. The phone is left without the run's files and processes, however this call ends.

        Raises:
            DeviceUnsuitable: too old, another ABI, pages that the runtime cannot be loaded on, no room.
            ArtifactRejected: the format is not one for phones, or needs more than the runtime has.
            PushFailed, PullFailed, DeviceLost, DeviceHung, DeviceRebooted: on the way.
        """
        if job.inputs is None:
            raise UsageError("a job on a phone must say what its inputs are", "", "please report it")
        tools, model, library = self._deployed(job)
        self._claim.renew(job.deadline_s)
        with self._run_directory() as directory:
            opened = tools / library.soname if library.name == "tflite" else None    # the other one is linked to it
            files = self._inputs(job, samples, directory, model, opened)
            program = tools / self._program(library.name).program.path.name
            started = detached.start(self.link, directory, (program, *command.words(job, len(samples), files)),
                                     self._claim.boot_id)
            status = detached.wait(self.link, started, job.deadline_s)
            document = ending.document(self.link, directory, status)
            outputs = b"" if document.measured is None else self.link.pull(files.output, deadline_s=ending.PULL_S)
        return run_of(job, document, outputs, library)

    @contextmanager
    def _run_directory(self) -> Iterator[RunDirectory]:
        directory = runs.make_run(self.link)
        try:
            yield directory
        finally:
            with suppress(DeviceError):     # what cannot be cleaned up now is swept by the next run
                runs.end_run(self.link, directory.name)

    def _deployed(self, job: Job) -> tuple[deploy.Stored, str, RuntimeLibrary]:
        """The program's directory and the model's path on the phone, and the library that it will load."""
        if job.format not in RUNTIMES:
            raise ArtifactRejected(f"{job.artifact.name} cannot run on a phone",
                                   f"phones take {', '.join(RUNTIMES)} here",
                                   "measure it on this machine with --device local")
        library = self._library(RUNTIMES[job.format])
        needs.check(job.artifact, library)
        program = self._program(library.name)
        cargo = [deploy.Cargo(program.program.path, program.program.path.name, program.program.sha256, executable=True),
                 deploy.Cargo(library.path, library.soname, library.sha256),
                 *(deploy.Cargo(file.path, file.path.name, file.sha256) for file in program.beside)]
        model = deploy.Cargo(job.artifact, f"model.{job.format}", sha256(job.artifact))
        return self._store(cargo), self._store([model]) / model.name, library

    def _store(self, cargo: list[deploy.Cargo]) -> deploy.Stored:
        key = " ".join(item.sha256 for item in cargo)
        if key not in self._stored:
            self._stored[key] = deploy.store(self.link, cargo)
        return self._stored[key]

    def _inputs(self, job: Job, samples: Sequence[Sequence[Array]], directory: RunDirectory, model: str,
                library: str | None) -> command.Files:
        paths = []
        for i, data in enumerate(command.input_files(samples, job.inputs or ())):
            paths.append(directory / f"input{i}")
            self.link.push(data, paths[-1], deadline_s=deploy.START_S + len(data) / 1e6 / MB_PER_S)
        return command.Files(model, tuple(paths), directory / "output", directory / "result", library)

    @cached_property
    def _abi(self) -> Abi:
        info = self._info
        if info.api_level is not None and info.api_level < MINIMUM_API:
            raise DeviceUnsuitable(f"{self.link.serial} runs Android {info.android_release} (API {info.api_level})",
                                   f"the runtimes need API {MINIMUM_API} (Android 8) or later", "use a newer phone")
        for abi in ABIS:
            if info.abi == abi:
                return abi
        raise DeviceUnsuitable(f"{self.link.serial} is a {info.abi} device",
                               f"the benchmark programs are built for {' and '.join(ABIS)}", "use another phone")

    def _program(self, runtime: RuntimeName) -> PhoneProgram:
        return phone_program(runtime, self._abi)

    def _library(self, name: RuntimeName) -> RuntimeLibrary:
        if self._runtime is not None:
            needed = self._program(name)
            program, *beside = (elf.parse(file.path.read_bytes()) for file in (needed.program, *needed.beside))
            return given_library(self._runtime, name, self._abi, program, beside[0] if beside else None,
                                 self._info.page_size, self._info.api_level or MINIMUM_API, self._scratch)
        library = runtime_library(name, self._abi)
        alignment = elf.parse(library.path.read_bytes()).page_alignment
        if alignment < self._info.page_size:
            raise DeviceUnsuitable(
                f"{name} {library.version} cannot be loaded on {self.link.serial}",
                f"it is aligned to pages of {alignment} bytes, and the phone has pages of {self._info.page_size}",
                "measure with a newer library: --runtime FILE.aar; or measure the .pte")
        return library


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
