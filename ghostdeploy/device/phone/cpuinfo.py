"""`/proc/cpuinfo` of arm64 and x86_64: what the cores can do, and what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ghostdeploy.device.machine import FEATURES
from ghostdeploy.device.phone.arm_designs import design
from ghostdeploy.device.phone.numbers import integer
from ghostdeploy.device.phone.questions import Question

CPUINFO = Question("cpuinfo", "cat /proc/cpuinfo")

HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,8}")


@dataclass(frozen=True)
class CpuInfo:
    """The processors that are on.

    Attributes:
        designs: names of the cores by their number, those that are known.
        features: those of `machine.FEATURES` that every core has: a thread may run on any of them.
        hardware: what a phone's vendor calls the chip; newer kernels do not tell.
        x86: it is a PC's processor.
    """

    designs: Mapping[int, str]
    features: tuple[str, ...]
    hardware: str | None
    x86: bool


def read(text: str) -> CpuInfo:
    """What `/proc/cpuinfo` holds."""
    designs: dict[int, str] = {}
    common: set[str] | None = None
    hardware, x86 = None, False
    for block in re.split(r"\n\s*\n", text.replace("\r", "")):
        entries = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        hardware = entries.get("Hardware") or hardware
        x86 = x86 or "vendor_id" in entries
        flags = entries.get("Features", entries.get("flags"))
        if flags is not None:
            common = set(flags.split()) if common is None else common & set(flags.split())
        index, name = integer(entries.get("processor")), design(_number(entries, "CPU implementer"),
                                                                _number(entries, "CPU part"))
        if index is not None and name is not None:
            designs[index] = name
    return CpuInfo(designs, tuple(name for name in FEATURES if name in (common or ())), hardware, x86)


def _number(entries: Mapping[str, str], key: str) -> int | None:
    text = entries.get(key, "")
    return int(text, 16) if HEXADECIMAL.fullmatch(text) else None
