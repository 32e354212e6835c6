"""arm64 on the phone: qemu-user, glibc as Android's linker, stand-ins for bionic's libraries, and what starts them.

The phone's own programs and runtimes run as they are: `/system/bin/linker64` is Debian's arm64 loader, and libc.so,
libm.so, libdl.so, liblog.so are the stand-ins of android_bench/hosted. `preload.c` hands arm64 programs to qemu.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ghostdeploy.device.android import elf, qemu, stand_ins, store
from ghostdeploy.device.android.pinned import RuntimeName
from ghostdeploy.device.android.qemu import ARM_ROOT
from ghostdeploy.device.android.zig import zig
from ghostdeploy.resources import folder

PRELOAD = Path(__file__).with_name("preload.c")
LOADER = "ld-linux-aarch64.so.1"
RUNTIMES: tuple[RuntimeName, ...] = ("tflite", "executorch")
GLIBC = (LOADER, "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0")


def sources() -> list[Path]:
    """What `install` depends on beside this package."""
    hosted = folder("android_bench")
    return [Path(stand_ins.__file__), *(hosted / "hosted").glob("*.c"), hosted / "bionic/libc.txt",
            hosted / "inputs.toml", ARM_ROOT / "lib/libc.so.6", _qemu()]


def kernel_release() -> str:
    """What uname says on the phone."""
    found = re.search(r'#define RELEASE "([^"]+)"', PRELOAD.read_text())
    assert found
    return found[1]


def install(root: Path) -> None:
    """Put all of it into the root directory `root`, which has the x86_64 libraries already."""
    own, x86_libraries = root / "usr/lib/phone", root / "usr/lib/x86_64-linux-gnu"
    shutil.copy(_qemu(), own / "qemu-aarch64")
    for library in _needs(_qemu()):     # the root has glibc and its like, newer than this machine's
        if not (x86_libraries / library.name).exists():
            shutil.copy(library, x86_libraries / library.name)
    zig("x86_64").run("cc", "-target", f"x86_64-linux-gnu.{stand_ins.GLIBC}", "-shared", "-fPIC", "-O1", "-Wall",
                      "-Wextra", "-Werror", "-o", str(own / "preload.so"), str(PRELOAD))
    libraries = root / "system/lib64"
    (libraries / "glibc").mkdir(parents=True)
    for name in GLIBC:
        shutil.copy(ARM_ROOT / "lib" / name, libraries / "glibc" / name)
    shutil.copy(ARM_ROOT / "lib" / LOADER, root / "system/bin/linker64")
    runtimes = [elf.parse(store.runtime_library(name, "arm64-v8a").path.read_bytes())
                for name in RUNTIMES]
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-stand-ins-") as scratch:
        stand_ins.stand_ins(zig("arm64-v8a"), runtimes, Path(scratch))
        for library in Path(scratch).glob("*.so"):
            shutil.copy(library, libraries / library.name)


def _qemu() -> Path:
    return qemu.qemu().resolve()


def _needs(program: Path) -> list[Path]:
    said = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"=> (/\S+)", said)]
