"""ONNX Runtime's arm64 instructions: the library of its Linux wheel under qemu, called through its C interface.

There is no Android package of it in the registries that npm and pip reach, so this is the Linux build; an app's may
differ. ncnn's arm64 wheel cannot be counted like this: it is a Python module and has no C interface.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Final

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.device.android import qemu
from ghostdeploy.device.android.stand_ins import cc
from ghostdeploy.device.android.zig import zig
from ghostdeploy.device.arm_instructions import Instructions
from ghostdeploy.device.arm_instructions.blocks import read, total
from ghostdeploy.device.arm_instructions.count import emulator
from ghostdeploy.device.arm_instructions.emulated import DEADLINE_S, second
from ghostdeploy.device.arm_instructions.marks import of_inference
from ghostdeploy.device.arm_instructions.plugin import plugin
from ghostdeploy.device.runtimes.base import RuntimeInfo
from ghostdeploy.digest import sha256
from ghostdeploy.errors import FetchFailed, RunnerFailed
from ghostdeploy.phone_errors import EmulatorMissing

HERE: Final = Path(__file__).parent
PINNED: Final = HERE / "onnxruntime-arm64.txt"
VERSION: Final = "1.32.0"
LIBRARY: Final = f"libonnxruntime.so.{VERSION}"
PLATFORM: Final = "manylinux_2_28_aarch64"
# The library reads /proc/cpuinfo when it is loaded and falls over this machine's own, which is x86's. This is what two
# cores of a Cortex-A76 say there.
CORE: Final = ("processor\t: {}\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid "
               "asimdrdm lrcpc dcpop asimddp\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\n"
               "CPU part\t: 0xd0b\nCPU revision\t: 1\n\n")


def count(artifact: Path, side: int, cpu: str) -> Instructions:
    """Instructions of the second inference of an .onnx of one image with so many pixels a side, on one thread.

    Raises:
        EmulatorMissing: qemu-user or the arm64 C++ library is not installed.
        FetchFailed: the pinned wheel cannot be fetched.
        RunnerMissing, RunnerFailed, WriteFailed: the program cannot be built, or does not run.
    """
    if not (qemu.ARM_ROOT / "lib" / "libstdc++.so.6").exists():
        raise EmulatorMissing("ONNX Runtime cannot be run here", "there is no arm64 C++ library",
                              "apt-get install libstdc++6-arm64-cross")
    library, program = _library(), _program()
    marks = "".join(f",mark={code.hex()}" for code in of_inference(program))
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-count-") as name:
        root, blocks = _root(Path(name)), Path(name) / "blocks"
        before = qemu.launcher(library.parent, cpu, f"{plugin()},into={blocks}{marks}", root)
        try:
            ended = subprocess.run([*before, program, library, artifact, str(side)], capture_output=True, text=True,
                                   timeout=DEADLINE_S, stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired as error:
            raise RunnerFailed(f"{artifact.name} was not through after {DEADLINE_S:.0f} s of emulation", "",
                               "count a smaller model") from error
        if ended.returncode or not ended.stdout.startswith(VERSION):
            raise RunnerFailed(f"{artifact.name} does not run in the emulated ONNX Runtime",
                               ended.stderr.strip()[-300:] or f"status {ended.returncode}", "")
        spent = sum(total(part.blocks) for part in second(read(blocks).parts))
    return Instructions(spent, cpu, 1, False, RuntimeInfo("onnxruntime", VERSION, sha256(library)), emulator())


def _root(scratch: Path) -> Path:
    """What the program finds under /: an arm64 C library and an arm64 /proc/cpuinfo."""
    root = scratch / "root"
    (root / "proc").mkdir(parents=True)
    (root / "lib").symlink_to(qemu.ARM_ROOT / "lib")
    (root / "proc" / "cpuinfo").write_text("".join(CORE.format(number) for number in range(2)))
    return root


@cache
def _library() -> Path:
    """The library out of the pinned wheel, which pip fetches and verifies; then always from the cache."""
    directory = cache_root() / "onnxruntime-arm64" / sha256(PINNED)
    if not (directory / LIBRARY).is_file():
        with appearing(directory) as scratch:
            fetched = subprocess.run(
                [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps",
                 "--require-hashes", "--only-binary", ":all:", "--platform", PLATFORM, "--python-version", "3.11",
                 "--dest", scratch, "-r", PINNED], capture_output=True, text=True, check=False)
            wheels = list(scratch.glob("*.whl"))
            if fetched.returncode or len(wheels) != 1:
                raise FetchFailed(f"the arm64 wheel of ONNX Runtime {VERSION} cannot be fetched",
                                  fetched.stderr.strip()[-300:], "pip has to reach its registry")
            with zipfile.ZipFile(wheels[0]) as wheel:
                (scratch / LIBRARY).write_bytes(wheel.read(f"onnxruntime/capi/{LIBRARY}"))
            wheels[0].unlink()
    return directory / LIBRARY


@cache
def _program() -> Path:
    """`onnxruntime.c`, compiled; made anew where it changed."""
    source = HERE / "onnxruntime.c"
    directory = cache_root() / "onnxruntime-arm64" / sha256(source)
    if not (directory / "program").is_file():
        with appearing(directory) as scratch:
            cc(zig("arm64-v8a"), "-o", scratch / "program", source, "-ldl")
    return directory / "program"
