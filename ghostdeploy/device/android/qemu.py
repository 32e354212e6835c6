"""qemu-user, which runs arm64 Linux programs here, and the arm64 C library that they need: two Debian packages."""

from __future__ import annotations

import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from ghostdeploy.errors import UsageError
from ghostdeploy.phone_errors import EmulatorMissing

# Named and never qemu's own default, which has whatever that release knows (SVE, SME): runtimes would choose kernels
# that no phone of interest runs.
CPU_MODEL: Final = "cortex-a76"
ARM_ROOT: Final = Path("/usr/aarch64-linux-gnu")       # where Debian's libc6-arm64-cross puts itself
PACKAGES: Final = "apt-get install qemu-user libc6-arm64-cross"


def qemu() -> Path:
    """The emulator's program.

    Raises:
        EmulatorMissing: it or the arm64 C library is not installed, or this is no x86_64 machine.
    """
    found = shutil.which("qemu-aarch64")
    if platform.machine() != "x86_64":
        raise EmulatorMissing("arm64 programs are emulated on x86_64 machines only",
                              f"this is a {platform.machine()} machine", "use an x86_64 Linux machine")
    if found is None or not (ARM_ROOT / "lib").is_dir():
        missing = "qemu-aarch64 is not on PATH" if found is None else f"there is no arm64 C library in {ARM_ROOT}"
        raise EmulatorMissing("arm64 programs cannot be run here", missing, PACKAGES)
    return Path(found)


def require(cpu: str) -> None:
    """See that programs can be emulated, on a CPU of this name.

    Raises:
        EmulatorMissing: see `qemu`.
        UsageError: qemu knows no such CPU.
    """
    name = cpu.partition(",")[0]        # features may follow, as in `max,sve=off`
    if name not in _cpus(qemu()):
        raise UsageError(f"qemu knows no CPU {name}", "", "`qemu-aarch64 -cpu help` lists them")


@cache
def _cpus(program: Path) -> frozenset[str]:
    listed = subprocess.run([program, "-cpu", "help"], capture_output=True, text=True, check=False).stdout
    return frozenset(listed.split())


def launcher(libraries: Path, cpu: str = CPU_MODEL, plugin: str | None = None, root: Path = ARM_ROOT) -> list[str]:
    """What stands before an arm64 program on a command line. `plugin` is qemu's option of that name; what the program
    opens is looked for below `root` first.

    Raises:
        EmulatorMissing: see `qemu`.
    """
    return [str(qemu()), "-cpu", cpu, *(["-plugin", plugin] if plugin else []), "-L", str(root),
            "-E", f"LD_LIBRARY_PATH={libraries}:{ARM_ROOT / 'lib'}"]
