"""The phone's benchmark programs on this machine: same objects, same Android libraries, glibc in bionic's place.

x86_64 runs natively, arm64 under qemu-user. See android_bench/hosted/README.md. Timings under qemu mean nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.device.android import build, elf, programs, qemu, store
from ghostdeploy.device.android.pinned import Abi, RuntimeName
from ghostdeploy.device.android.stand_ins import cc, stand_ins
from ghostdeploy.device.android.zig import zig
from ghostdeploy.resources import folder


@dataclass(frozen=True)
class HostedProgram:
    """One program for one ABI, ready to run here. `directory` holds its libraries."""

    abi: Abi
    path: Path

    @property
    def directory(self) -> Path:
        """Where the program and its libraries stand."""
        return self.path.parent

    def run(self, *words: str | Path, timeout: float = 120, directory: Path | None = None,
            cpu: str = qemu.CPU_MODEL, plugin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it. `directory` takes the place of the folder that its libraries come from; `cpu` and `plugin` are
        qemu's, and mean nothing to x86_64.

        Raises:
            EmulatorMissing: arm64 needs qemu, which is not installed.
            subprocess.TimeoutExpired: it was still running after `timeout` seconds, and was killed.
        """
        libraries = directory or self.directory
        native = self.abi == "x86_64"
        before = [] if native else qemu.launcher(libraries, cpu, plugin)
        environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)} if native else dict(os.environ)
        return subprocess.run([*before, str(libraries / self.path.name), *map(str, words)], capture_output=True,
                              text=True, timeout=timeout, env=environment, stdin=subprocess.DEVNULL)


@cache
def hosted(runtime: RuntimeName, abi: Abi) -> HostedProgram:
    """The hosted form of one program, out of the cache; built first where that has none, or a damaged one.

    Raises:
        EmulatorMissing: arm64, and no qemu.
        RunnerMissing, FetchFailed, WriteFailed: it cannot be built (see `programs.phone_program`).
    """
    if abi == "arm64-v8a":
        qemu.qemu()
    key = source_key()
    directory = cache_root() / "hosted" / key / abi / runtime
    if programs.whole(directory, key) is None:
        shutil.rmtree(directory, ignore_errors=True)
        with appearing(directory) as scratch:
            _build(runtime, abi, scratch)
            (scratch / build.INDEX).write_text(json.dumps(build.index(abi, scratch, key), indent=2) + "\n")
    return HostedProgram(abi, directory / build.PROGRAMS[runtime])


def source_key() -> str:
    """Hash of everything that decides what is built here."""
    digest = hashlib.sha256(build.source_key().encode())
    for path in _sources():
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    yield from (path for path in sorted((folder("android_bench") / "hosted").iterdir()) if path.suffix == ".c")
    yield from (Path(__file__), Path(__file__).with_name("stand_ins.py"))


def _build(runtime: RuntimeName, abi: Abi, into: Path) -> None:
    tools, library = zig(abi), store.runtime_library(runtime, abi)
    shutil.copy(library.path, into / library.soname)
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-hosted-") as name:
        scratch = Path(name)
        stand_ins(tools, [elf.parse(library.path.read_bytes())], scratch)
        for path in scratch.glob("*.so"):
            shutil.copy(path, into / path.name)
        linked = []
        if runtime == "executorch":
            source = _fbjni(library.path, scratch)
            cc(tools, "-shared", f"-Wl,-soname,{build.FBJNI}", "-o", into / build.FBJNI, source)
            linked = [into / library.soname, into / build.FBJNI]
        (objects := scratch / "objects").mkdir()
        parts = build.compile_objects(tools, objects).parts[runtime]
        cc(tools, "-o", into / build.PROGRAMS[runtime], folder("android_bench") / "hosted" / "program.c", *parts,
           *linked, "-ldl", "-Wl,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined")


def _fbjni(library: Path, scratch: Path) -> Path:
    source = scratch / "fbjni.S"
    names = sorted(n for n in elf.parse(library.read_bytes()).imports if build.FBJNI_NAMES in n)
    source.write_text(".text\n" + "".join(f".globl {n}\n.type {n}, %function\n{n}:\n" for n in names) + ".long 0\n")
    return source
