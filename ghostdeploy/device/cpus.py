"""Which CPUs to measure on: `big`, `all`, or a taskset-style mask."""

from __future__ import annotations

from collections.abc import Sequence

from ghostdeploy.device.base import Core
from ghostdeploy.errors import AffinityRefused, UsageError


def choose(wanted: str, cores: Sequence[Core]) -> tuple[int, ...]:
    """Indices of the CPUs that `wanted` names.

    `big` is the cores with the highest maximum frequency; where frequencies are not told, or are all the same, that is
    every core. A mask is hexadecimal, bit 0 for CPU 0, as taskset(1) takes it.

    Raises:
        UsageError: neither a word nor a mask.
        AffinityRefused: the mask names a CPU that the device does not let us use.
    """
    available = tuple(core.index for core in cores)
    if wanted == "all":
        return available
    if wanted == "big":
        known = [core.max_khz for core in cores if core.max_khz is not None]
        if len(known) < len(cores):
            return available
        return tuple(core.index for core in cores if core.max_khz == max(known))
    chosen = _mask(wanted)
    missing = [index for index in chosen if index not in available]
    if missing:
        raise AffinityRefused(f"CPU {', '.join(map(str, missing))} cannot be used",
                              f"this device lets us use CPU {', '.join(map(str, available))}",
                              f"use --cpus all, or a mask within {sum(1 << i for i in available):x}")
    return chosen


def _mask(text: str) -> tuple[int, ...]:
    try:
        mask = int(text, 16)
    except ValueError:
        mask = 0
    if mask <= 0:
        raise UsageError(f"--cpus {text} is neither `big` nor `all` nor a mask",
                         "a mask is a hexadecimal number above 0, bit 0 for CPU 0", "for CPUs 4 to 7: --cpus f0")
    return tuple(index for index in range(mask.bit_length()) if mask >> index & 1)
