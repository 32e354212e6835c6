"""The phone's benchmark programs on this machine: same objects, same Android libraries, glibc in bionic's place.

x86_64 runs natively, arm64 under qemu-user with an A76's instruction set (qemu's own default would let runtimes
choose kernels that no phone of interest has). See android_bench/hosted/README.md. Timings under qemu mean nothing.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ghostdeploy.device.android import build, elf, store
from ghostdeploy.device.android.pinned import Abi, RuntimeName
from ghostdeploy.device.android.zig import CPU, Zig, zig
from ghostdeploy.resources import folder

QEMU_CPU = "cortex-a76"
ARM_ROOT = Path("/usr/aarch64-linux-gnu")       # where Debian's libc6-arm64-cross puts itself
GLIBC = "2.34"
DATA = ("stdin", "stdout", "stderr", "__sF", "environ")
JUMP = {"arm64-v8a": "adrp x16, {0}\n ldr x16, [x16, :lo12:{0}]\n br x16", "x86_64": "jmp *{0}(%rip)"}
PACKAGES = "apt-get install qemu-user libc6-arm64-cross"


@dataclass(frozen=True)
class HostedProgram:
    """One program for one ABI, ready to run here. `directory` holds its libraries."""

    abi: Abi
    path: Path

    @property
    def directory(self) -> Path:
        return self.path.parent

    def run(self, *words: str | Path, timeout: float = 120,
            directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run it; `directory` takes the place of the folder that its libraries come from."""
        libraries = directory or self.directory
        command = [*self.launcher(libraries), str(libraries / self.path.name), *map(str, words)]
        environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)} if self.native else dict(os.environ)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)

    @property
    def native(self) -> bool:
        return self.abi == "x86_64"

    def launcher(self, libraries: Path) -> Sequence[str]:
        """What stands before the program on a command line."""
        if self.native:
            return []
        return ["qemu-aarch64", "-cpu", QEMU_CPU, "-L", str(ARM_ROOT), "-E",
                f"LD_LIBRARY_PATH={libraries}:{ARM_ROOT / 'lib'}"]


@cache
def hosted(runtime: RuntimeName, abi: Abi) -> HostedProgram:
    """Build the hosted form of one program, once per test session."""
    assert platform.machine() == "x86_64", "the hosted tests know x86_64 machines"
    if abi == "arm64-v8a":
        assert shutil.which("qemu-aarch64") and (ARM_ROOT / "lib").is_dir(), f"arm64 needs: {PACKAGES}"
    objects, tools = _objects(abi)
    directory = _scratch() / abi / runtime
    directory.mkdir(parents=True)
    library = store.runtime_library(runtime, abi)
    shutil.copy(library.path, directory / library.soname)
    stand_ins(tools, [elf.parse(library.path.read_bytes())], directory)
    linked = []
    if runtime == "executorch":
        _cc(tools, "-shared", f"-Wl,-soname,{build.FBJNI}", "-o", directory / build.FBJNI, _fbjni(library.path))
        linked = [directory / library.soname, directory / build.FBJNI]
    path = directory / build.PROGRAMS[runtime]
    _cc(tools, "-o", path, folder("android_bench") / "hosted" / "program.c", *objects.parts[runtime], *linked, "-ldl",
        "-Wl,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined")
    return HostedProgram(abi, path)


@cache
def _scratch() -> Path:
    return Path(_kept().name)


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ghostdeploy-hosted-")     # removed when the session ends


@cache
def _objects(abi: Abi) -> tuple[build.Objects, Zig]:
    tools, scratch = zig(abi), _scratch() / abi / "objects"
    scratch.mkdir(parents=True)
    return build.compile_objects(tools, scratch), tools


def _cc(tools: Zig, *words: str | Path) -> None:
    tools.run("cc", "-target", f"{CPU[tools.abi]}-linux-gnu.{GLIBC}", "-fPIC", "-O1", "-w", *map(str, words))


def stand_ins(tools: Zig, libraries: Sequence[elf.Elf], into: Path) -> None:
    """libc.so, libm.so, libdl.so, liblog.so in the directory `into`, for these libraries and for the phone's programs.

    They have every version that the libraries ask for, and what the programs may import (`bionic/libc.txt`).
    """
    sources = folder("android_bench") / "hosted"
    by_version: dict[str, set[str]] = {}
    for symbol in (symbol for library in libraries for symbol in library.symbols):
        if not symbol.defined and symbol.version:
            by_version.setdefault(symbol.version, set()).add(symbol.name)
    versioned = {name for group in by_version.values() for name in group}
    by_version.setdefault("LIBC", set()).update(_bionic_names() - versioned)
    names = sorted({name for group in by_version.values() for name in group} - set(DATA))
    (into / "jumps.S").write_text(_jumps(tools.abi, names))
    (into / "libc.map").write_text("".join(
        f"{version} {{ global: {' '.join(f'{name};' for name in sorted(group))} {'' if i else 'local: *;'} }};\n"
        for i, (version, group) in enumerate(sorted(by_version.items()))))
    _cc(tools, "-shared", "-Wl,-soname,libhosted.so", "-o", into / "libhosted.so", sources / "translate.c", "-ldl")
    _cc(tools, "-fno-stack-protector", "-fno-builtin", "-c", sources / "table.c", "-o", into / "table.o")
    _cc(tools, "-c", into / "jumps.S", "-o", into / "jumps.o")
    tools.run("ld.lld", "-shared", "-soname", "libc.so", "--version-script", str(into / "libc.map"),
              "-rpath", "$ORIGIN", "-z", "noexecstack", "--undefined-version", "-o", str(into / "libc.so"),
              *(str(into / name) for name in ("table.o", "jumps.o", "libhosted.so")))
    for soname in ("libm.so", "libdl.so"):      # wanted by name and version; libc.so has their functions
        version = into / f"{soname}.map"
        version.write_text(f"LIBC {{ global: hosted_{soname[:-3]}; }};\n")
        source = into / f"{soname}.S"
        source.write_text(f".globl hosted_{soname[:-3]}\nhosted_{soname[:-3]}:\n.long 0\n")
        _cc(tools, "-c", source, "-o", into / f"{soname}.o")
        tools.run("ld.lld", "-shared", "-soname", soname, "--version-script", str(version), "-o", str(into / soname),
                  str(into / f"{soname}.o"))
    _cc(tools, "-shared", "-Wl,-soname,liblog.so", "-o", into / "liblog.so", sources / "log.c")


def _bionic_names() -> set[str]:
    listed = (folder("android_bench") / "bionic" / "libc.txt").read_text().splitlines()
    return {name for line in listed if not line.startswith("#") for name in line.split()[1:]}


def _jumps(abi: Abi, names: Sequence[str]) -> str:
    """A jump through the table for each function, the table, and its names."""
    lines = [".text"]
    for i, name in enumerate(names):
        lines.append(f".globl {name}\n.type {name}, %function\n{name}:\n {JUMP[abi].format(f'hosted_table+{8 * i}')}")
    lines.append(".bss\n.balign 16\n.globl hosted_table\n.hidden hosted_table\n"
                 f"hosted_table: .zero {8 * len(names) + 8}")
    lines.append(".section .rodata\n" + "\n".join(f'name_{i}: .asciz "{name}"' for i, name in enumerate(names)))
    lines.append(".section .data.rel.ro, \"aw\"\n.balign 8\n.globl hosted_names\n.hidden hosted_names\nhosted_names:")
    lines += [f" .quad name_{i}" for i in range(len(names))]
    return "\n".join([*lines, " .quad 0", ".section .note.GNU-stack, \"\", %progbits", ""])


def _fbjni(library: Path) -> Path:
    source = _scratch() / f"fbjni-{library.parent.name[:8]}.S"
    names = sorted(n for n in elf.parse(library.read_bytes()).imports if build.FBJNI_NAMES in n)
    source.write_text(".text\n" + "".join(f".globl {n}\n.type {n}, %function\n{n}:\n" for n in names) + ".long 0\n")
    return source
