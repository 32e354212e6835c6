"""Clang and lld for Android out of the `ziglang` wheel: no NDK, no Gradle.

The C headers are musl's, which zig brings; the runner's sources use only calls whose arguments have the same layout in
bionic (`android_bench/bionic/libc.txt` lists them, and nothing else links). No debug information and no paths go into
objects, so the same sources give the same bytes in every folder.
"""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ghostdeploy.device.android.pinned import Abi
from ghostdeploy.phone_errors import RunnerMissing

VERSION: Final = "0.17.1"
MINIMUM_API: Final = 26
PAGE_SIZE: Final = 16384        # the largest page size that Android 15 phones use; it serves the smaller ones too
CPU: Final[dict[Abi, str]] = {"arm64-v8a": "aarch64", "x86_64": "x86_64"}
MUSL_FOLDERS = ("include", "libc/include/{cpu}-linux-musl", "libc/include/generic-musl", "libc/include/{cpu}-linux-any",
                "libc/include/any-linux-any")

# No compiler-rt and no guard symbol are linked, hence the second line. Contraction would make the warm-up rule's
# arithmetic differ between ABIs.
COMMON = ("-O2", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-nostdinc", "-Wall", "-Wextra", "-Werror",
          "-fno-stack-protector", "-fno-exceptions", "-ffp-contract=off")
C = ("-std=gnu11",)
CXX = ("-std=c++20", "-fno-rtti", "-fno-threadsafe-statics",
       "-Wno-deprecated-declarations")     # num_instructions is marked so for being experimental

# The library exports std::__ndk1. zig ships no __config_site, so what that file would define is given here; only inline
# parts of libc++ are used, and none that these switch.
LIBCXX = ("_LIBCPP_ABI_VERSION=1", "_LIBCPP_ABI_NAMESPACE=__ndk1", "_LIBCPP_HAS_THREADS=1",
          "_LIBCPP_HAS_THREAD_API_PTHREAD=1", "_LIBCPP_HAS_THREAD_API_EXTERNAL=0", "_LIBCPP_HAS_THREAD_API_WIN32=0",
          "_LIBCPP_HAS_MONOTONIC_CLOCK=1", "_LIBCPP_HAS_TERMINAL=1", "_LIBCPP_HAS_MUSL_LIBC=1",
          "_LIBCPP_HAS_FILESYSTEM=1", "_LIBCPP_HAS_RANDOM_DEVICE=1", "_LIBCPP_HAS_LOCALIZATION=1",
          "_LIBCPP_HAS_UNICODE=1", "_LIBCPP_HAS_WIDE_CHARACTERS=1", "_LIBCPP_HAS_TIME_ZONE_DATABASE=0",
          "_LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS=0", "_LIBCPP_HARDENING_MODE_DEFAULT=2",
          "_LIBCPP_ASSERTION_SEMANTIC_DEFAULT=2", "_LIBCPP_PSTL_BACKEND_SERIAL",
          "_LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS", "_LIBCXXABI_DISABLE_VISIBILITY_ANNOTATIONS")

LINK = ("-z", f"max-page-size={PAGE_SIZE}", "-z", "now", "-z", "relro", "-z", "noexecstack", "--hash-style=both",
        "--gc-sections", "--enable-new-dtags", "--no-undefined", "-s")


@dataclass(frozen=True)
class Zig:
    """The toolchain for one ABI."""

    program: Path
    abi: Abi

    @property
    def _library(self) -> Path:
        return self.program.parent / "lib"

    def compile(self, source: Path, into: Path, roots: dict[Path, str], includes: Sequence[Path] = ()) -> Path:
        """Compile one C, C++ or assembler file to the object `into`. `roots` names folders for __FILE__ and the like.

        Raises:
            RunnerMissing: with the compiler's words.
        """
        cpu, language = CPU[self.abi], {".c": C, ".cpp": CXX}.get(source.suffix, ())
        # libc++'s headers stand before C's: some of them wrap those of the same name.
        folders = [self._library / "libcxx/include"] if source.suffix == ".cpp" else []
        folders += [self._library / folder.format(cpu=cpu) for folder in MUSL_FOLDERS]
        maps = [f"-ffile-prefix-map={folder}={name}" for folder, name in {**roots, self._library: "zig"}.items()]
        self.run("clang", f"--target={cpu}-linux-android{MINIMUM_API}", *COMMON, *language, *maps,
                 *(["-mno-outline-atomics"] if cpu == "aarch64" else []),
                 *([f"-D{name}" for name in LIBCXX] if source.suffix == ".cpp" else []),
                 *[word for folder in (*includes, *folders) for word in ("-isystem", str(folder))],
                 "-c", str(source), "-o", str(into))
        return into

    def link_program(self, into: Path, objects: Sequence[Path], libraries: Sequence[Path]) -> None:
        """Link a position-independent program that finds its libraries in its own folder.

        Raises:
            RunnerMissing: with the linker's words.
        """
        self.run("ld.lld", "-pie", "--dynamic-linker", "/system/bin/linker64", "-rpath", "$ORIGIN", *LINK,
                 "--allow-shlib-undefined", "-o", str(into), *map(str, (*objects, *libraries)))

    def link_library(self, into: Path, soname: str, objects: Sequence[Path]) -> None:
        """Link a shared library.

        Raises:
            RunnerMissing: with the linker's words.
        """
        keep = [option for option in LINK if option != "--gc-sections"]
        self.run("ld.lld", "-shared", "-soname", soname, *keep, "-o", str(into), *map(str, objects))

    def run(self, *words: str) -> None:
        """Run one of zig's tools.

        Raises:
            RunnerMissing: it failed; with its words.
        """
        ended = subprocess.run([str(self.program), *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if ended.returncode:
            raise RunnerMissing(f"zig {words[0]} failed while building the runner for {self.abi}",
                                "\n".join(ended.stderr.strip().splitlines()[:12]),
                                f"the build is known to work with ziglang {VERSION}")


def zig(abi: Abi) -> Zig:
    """The toolchain of the installed `ziglang` package.

    Raises:
        RunnerMissing: it is not installed.
    """
    package = importlib.util.find_spec("ziglang")
    if package is None or package.origin is None:
        raise RunnerMissing("the phone's benchmark programs are not built, and cannot be built here",
                            "the ziglang package is not installed", f"pip install ziglang=={VERSION}")
    return Zig(Path(package.origin).parent / "zig", abi)
