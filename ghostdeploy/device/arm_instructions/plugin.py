"""Our plugin of qemu, built once and kept in the cache."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ghostdeploy.cache import appearing, cache_root
from ghostdeploy.device.android.stand_ins import GLIBC, cc
from ghostdeploy.device.android.zig import VERSION, zig
from ghostdeploy.resources import folder

LIBRARY = "count_blocks.so"


@cache
def plugin() -> Path:
    """The plugin for this machine's qemu.

    Raises:
        RunnerMissing: it cannot be built here.
        WriteFailed: the cache cannot be written.
    """
    source = folder("android_bench") / "hosted" / "count_blocks.c"
    key = hashlib.sha256(f"{VERSION} {GLIBC}\0".encode() + source.read_bytes()).hexdigest()
    directory = cache_root() / "qemu-plugin" / key
    if not (directory / LIBRARY).is_file():
        with appearing(directory) as scratch:
            cc(zig("x86_64"), "-shared", "-O2", "-fvisibility=hidden", "-o", scratch / LIBRARY, source,
               "-Wl,--allow-shlib-undefined")
    return directory / LIBRARY
