"""`uname` and the page size."""

from __future__ import annotations

import re

from ghostdeploy.device.phone.numbers import integer
from ghostdeploy.device.phone.questions import Question

RELEASE = Question("kernel", "uname -r")
MACHINE = Question("machine", "uname -m")

# Android 8's toybox has no getconf; the size of a page of one's own memory is the same number.
PAGE_SIZE = Question("page", "getconf PAGESIZE || getconf PAGE_SIZE || grep -m 1 KernelPageSize /proc/self/smaps")

# Processors that run each ABI as it is; any other computes it.
MACHINES = {"arm64-v8a": ("aarch64", "armv8"), "armeabi-v7a": ("aarch64", "arm"), "x86_64": ("x86_64",),
            "x86": ("x86_64", "i686", "i386")}


def page_size(text: str) -> int | None:
    """Bytes in a page: a power of two between 4 KiB and 64 KiB, else nothing that we understand."""
    for number, unit in re.findall(r"^(?:KernelPageSize:)?[ \t]*(\d+)[ \t]*(kB)?\s*?$", text, re.MULTILINE):
        value = (integer(number) or 0) * (1024 if unit else 1)
        if value in (4096, 16384, 65536):
            return value
    return None


def computed(abi: str | None, machine: str) -> str | None:
    """In words, that programs of `abi` are emulated on this `uname -m`; None if they are not, or nobody knows."""
    name = machine.strip()
    if abi not in MACHINES or not name or name.startswith(MACHINES[abi]):
        return None
    return f"its processor is {name}, which {abi} programs do not run on"
