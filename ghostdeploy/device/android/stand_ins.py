"""Stand-ins for bionic's libraries on a glibc machine, so that Android's own libraries and programs run there.

Each function that an Android library imports becomes a jump through a table that is filled by name from glibc; the few
that differ are in android_bench/hosted/translate.c. See the README there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ghostdeploy.device.android import elf
from ghostdeploy.device.android.pinned import Abi
from ghostdeploy.device.android.zig import CPU, Zig
from ghostdeploy.resources import folder

GLIBC: Final = "2.34"
DATA: Final = ("stdin", "stdout", "stderr", "__sF", "environ")
JUMP: Final[dict[Abi, str]] = {"arm64-v8a": "adrp x16, {0}\n ldr x16, [x16, :lo12:{0}]\n br x16",
                               "x86_64": "jmp *{0}(%rip)"}


def cc(tools: Zig, *words: str | Path) -> None:
    """Compile or link for glibc with clang.

    Raises:
        RunnerMissing: with the compiler's words.
    """
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
    cc(tools, "-shared", "-Wl,-soname,libhosted.so", "-o", into / "libhosted.so", sources / "translate.c", "-ldl")
    cc(tools, "-fno-stack-protector", "-fno-builtin", "-c", sources / "table.c", "-o", into / "table.o")
    cc(tools, "-c", into / "jumps.S", "-o", into / "jumps.o")
    tools.run("ld.lld", "-shared", "-soname", "libc.so", "--version-script", str(into / "libc.map"),
              "-rpath", "$ORIGIN", "-z", "noexecstack", "--undefined-version", "-o", str(into / "libc.so"),
              *(str(into / name) for name in ("table.o", "jumps.o", "libhosted.so")))
    for soname in ("libm.so", "libdl.so"):      # wanted by name and version; libc.so has their functions
        version = into / f"{soname}.map"
        version.write_text(f"LIBC {{ global: hosted_{soname[:-3]}; }};\n")
        source = into / f"{soname}.S"
        source.write_text(f".globl hosted_{soname[:-3]}\nhosted_{soname[:-3]}:\n.long 0\n")
        cc(tools, "-c", source, "-o", into / f"{soname}.o")
        tools.run("ld.lld", "-shared", "-soname", soname, "--version-script", str(version), "-o", str(into / soname),
                  str(into / f"{soname}.o"))
    cc(tools, "-shared", "-Wl,-soname,liblog.so", "-o", into / "liblog.so", sources / "log.c")


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
