"""What a device is: something that says what it is, is brought under control, and runs jobs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from ghostdeploy.device.job import Job, Run
from ghostdeploy.device.runtimes.base import Array
from ghostdeploy.errors import GhostdeployError
from ghostdeploy.lowering.artifact import Format, Precision
from ghostdeploy.progress import Progress

if TYPE_CHECKING:
    from ghostdeploy.device.control import Control, Wishes

Kind = Literal["local", "android"]
KB_PER_GIB = 1 << 20


@dataclass(frozen=True)
class Core:
    """A CPU that jobs may run on.

    `max_khz` is None where the system does not tell (virtual machines), `design` (such as Cortex-A76) where it is not
    an Arm core that we know by its number.
    """

    index: int
    max_khz: int | None
    design: str | None = None


@dataclass(frozen=True)
class DeviceInfo:
    """A device, as far as it tells. `notes` say in words what makes its numbers less than they could be.

    `emulated`: its CPU is computed by another one; outputs are right, and times mean nothing.
    """

    kind: Kind
    serial: str
    manufacturer: str | None
    model: str | None
    soc: str | None
    abi: str
    os: str
    android_release: str | None
    api_level: int | None
    kernel: str
    page_size: int
    memory_kb: int
    cores: tuple[Core, ...]
    features: tuple[str, ...]
    notes: tuple[str, ...]
    emulated: bool = False

    @property
    def name(self) -> str:
        """Manufacturer, model and processor, as far as they are known."""
        return " ".join(filter(None, (self.manufacturer, self.model, self.soc))) or self.abi

    @property
    def title(self) -> str:
        """The name of this very device: two phones of one model are told apart."""
        return f"{self.name} ({self.serial})" if self.kind == "android" else self.name

    @property
    def size(self) -> str:
        """Cores and memory: virtual machines of other sizes bear the same processor's name."""
        return f"{len(self.cores)} cores, {round(self.memory_kb / KB_PER_GIB)} GiB"


@dataclass(frozen=True)
class DeviceState:
    """What can change while measuring; None for what the device does not tell.

    Attributes:
        clocks_khz: current frequency of each core of `DeviceInfo.cores`.
        thermal: hottest thermal zone in degrees Celsius; on a phone the hottest of processors and skin.
        load: runnable tasks, averaged by the kernel over the last minute.
        stolen_s: seconds since boot that a hypervisor gave to other machines, all cores together.
        limits_khz: highest frequency that each core may take now; heat lowers it. Empty where nobody looked.
        thermal_status: Android's, 0 NONE to 6 SHUTDOWN.
        battery_c, battery_percent: degrees Celsius, and 0 to 100.
    """

    clocks_khz: tuple[int | None, ...]
    thermal: float | None
    load: float | None
    stolen_s: float | None
    limits_khz: tuple[int | None, ...] = ()
    thermal_status: int | None = None
    battery_c: float | None = None
    battery_percent: float | None = None


@dataclass(frozen=True)
class ArtifactKind:
    """What decides whether a device runs an artifact. `precision` is None for a bare file, which does not say."""

    file: str
    format: Format
    precision: Precision | None


class Device(Protocol):
    """Where a model runs: this machine, or a phone."""

    def describe(self) -> DeviceInfo:
        """What the device is. Cheap enough to be called once per command.

        Raises:
            DeviceError: the device went away.
        """

    def state(self) -> DeviceState:
        """Clocks, temperature and load now; taken before and after each round, outside the measuring process."""

    def refusal(self, kind: ArtifactKind) -> GhostdeployError | None:
        """Why artifacts of this kind do not run here, as the error to raise; None where they do."""

    def shares_processes(self) -> bool:
        """Whether a job may have others beside it; see `Job.beside`."""

    def prepare(self, artifacts: Sequence[tuple[Path, Format]]) -> None:
        """See that these can run here, and get what that needs, before anything of the device is touched.

        Raises:
            DeviceError, ArtifactRejected, RuntimeRejected: one of them cannot.
        """

    def controlled(self, wishes: Wishes, progress: Progress) -> AbstractContextManager[Control]:
        """Bring the device into the wished state for the length of a measurement, and put everything back after it.

        Raises:
            DeviceNotReady: something was found that spoils the measurement, and is not allowed.
        """

    def run(self, job: Job, samples: Sequence[Sequence[Array]]) -> Run:
        """Run `job` in a fresh process. `samples` holds for each sample every input, in the library's order (NCHW).

        Raises:
            ArtifactRejected: the runtime refuses the artifact, or it is not what the job says.
            AffinityRefused: the CPUs cannot be used.
            RunnerFailed: the process crashed, hung or answered nonsense; with the end of its log.
        """
