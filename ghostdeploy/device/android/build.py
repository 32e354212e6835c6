"""Building the two benchmark programs for one ABI.

    python -m ghostdeploy.device.android.build [FOLDER]     # `make runner`: every ABI into android_bench/built

Each program is the shared core and one back end. System libraries are linked by name only: a stand-in is made from
`android_bench/bionic/libc.txt`, so that a function that is not listed there does not link.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ghostdeploy.device.android import elf, store
from ghostdeploy.device.android.pinned import ABIS, Abi, RuntimeName
from ghostdeploy.device.android.zig import VERSION, Zig, zig
from ghostdeploy.phone_errors import RunnerMissing
from ghostdeploy.resources import folder

CORE: Final = ("main", "options", "measure", "report", "process", "warmup", "failure", "files", "json", "memory",
               "sha256")
BACKENDS: Final[dict[RuntimeName, tuple[str, ...]]] = {
    "tflite": ("backend_tflite.c", "tflite_api.c", "tflite_delegation.c"), "executorch": ("backend_executorch.cpp",)}
PROGRAMS: Final[dict[RuntimeName, str]] = {"tflite": "gd_runner_tflite", "executorch": "gd_runner_executorch"}

# libexecutorch_jni.so needs it for its Java half, which nobody calls here, and its package lacks it: a library that has
# only the names is made. The program needs it too: bionic does not search a program's RUNPATH for its libraries' needs.
FBJNI = "libfbjni.so"
FBJNI_NAMES = "8facebook3jni"   # what the mangled names of facebook::jni contain
INDEX = "built.json"


@dataclass(frozen=True)
class Objects:
    """What the programs of one ABI are linked from: `start` only on bionic, `parts` with any C library."""

    start: tuple[Path, ...]
    parts: dict[RuntimeName, tuple[Path, ...]]


def source_key() -> str:
    """Hash of everything that decides the programs' bytes: the sources, the pinned inputs, the build's own code."""
    root, digest = folder("android_bench"), hashlib.sha256(VERSION.encode())
    files = [root / "inputs.toml", *sorted((root / "src").iterdir()), *sorted((root / "bionic").iterdir())]
    for path in (*files, Path(__file__), Path(__file__).with_name("zig.py")):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def build(abi: Abi, into: Path) -> None:
    """Build every program for `abi`, and what must stand beside them on the phone, into the directory `into`.

    Raises:
        RunnerMissing: no toolchain, or it failed.
        FetchFailed, WriteFailed: the runtimes' headers are needed and cannot be had.
    """
    tools = zig(abi)
    with tempfile.TemporaryDirectory(prefix="ghostdeploy-build-") as name:
        scratch = Path(name)
        made = compile_objects(tools, scratch)
        system = _system_libraries(tools, scratch)
        tools.link_program(into / PROGRAMS["tflite"], (*made.start, *made.parts["tflite"]), system)
        library = store.runtime_library("executorch", abi)
        names = elf.parse(library.path.read_bytes()).imports
        _name_only_library(tools, scratch, into / FBJNI, sorted(name for name in names if FBJNI_NAMES in name))
        tools.link_program(into / PROGRAMS["executorch"], (*made.start, *made.parts["executorch"]),
                           (library.path, into / FBJNI, *system))
    (into / INDEX).write_text(json.dumps(index(abi, into, source_key()), indent=2) + "\n")


def compile_objects(tools: Zig, scratch: Path) -> Objects:
    """Compile all sources into the directory `scratch`."""
    root = folder("android_bench")
    roots = {root: "android_bench", scratch: "scratch"}
    core = tuple(tools.compile(root / "src" / f"{name}.c", scratch / f"{name}.o", roots) for name in CORE)
    parts = {}
    for runtime, sources in BACKENDS.items():
        headers = scratch / f"{runtime}-headers"
        store.unpack_headers(runtime, headers)
        # executorch's headers include each other both as <executorch/...> and relative to that folder
        includes = (headers, headers / "executorch") if runtime == "executorch" else (headers,)
        parts[runtime] = (*core, *(tools.compile(root / "src" / source, scratch / f"{source}.o", roots, includes)
                                   for source in sources))
    start = tuple(tools.compile(root / "bionic" / source, scratch / f"{source}.o", roots)
                  for source in ("entry.S", "start.c"))
    return Objects(start, parts)


def _system_libraries(tools: Zig, scratch: Path) -> tuple[Path, ...]:
    listed: dict[str, list[str]] = {}
    for line in (folder("android_bench") / "bionic" / "libc.txt").read_text().splitlines():
        soname, *names = line.split() or ["#"]
        if soname != "#":
            listed.setdefault(soname, []).extend(names)
    for soname, names in listed.items():
        _name_only_library(tools, scratch, scratch / soname, sorted(names))
    return tuple(scratch / soname for soname in listed)


def _name_only_library(tools: Zig, scratch: Path, into: Path, names: list[str]) -> None:
    """A library that exports functions of these names, with nothing in them."""
    source = scratch / f"{into.name}.S"
    source.write_text(".text\n" + "".join(f".globl {name}\n.type {name}, %function\n{name}:\n" for name in names)
                      + ".long 0\n.section .note.GNU-stack, \"\", %progbits\n")
    tools.link_library(into, into.name, [tools.compile(source, source.with_suffix(".o"), {scratch: "scratch"})])


def index(abi: Abi, built: Path, sources: str) -> dict[str, object]:
    """What INDEX says of a directory `built` from the sources with hash `sources`."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
             for path in sorted(built.iterdir()) if path.name != INDEX}
    return {"abi": abi, "sources": sources, "ziglang": VERSION, "files": files}


def main(words: list[str]) -> None:
    """`make runner`."""
    into = Path(words[0]) if words else folder("android_bench") / "built"
    for abi in ABIS:
        directory = into / abi
        directory.mkdir(parents=True, exist_ok=True)
        build(abi, directory)
        for name, sha256 in json.loads((directory / INDEX).read_text())["files"].items():
            sys.stdout.write(f"{abi}/{name} {(directory / name).stat().st_size} {sha256}\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RunnerMissing as error:
        sys.exit(f"{error.what}\n{error.why}\n{error.next}")
