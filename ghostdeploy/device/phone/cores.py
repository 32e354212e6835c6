"""The cores of a phone, from sysfs: which there are, which we may use, how fast they can, may and do run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ghostdeploy.device.phone.numbers import integer
from ghostdeploy.device.phone.questions import Question

# `grep -H` prints `path:content`, in one process for all files; what is not there or not for us is left out.
CORES = Question("cores", """\
cd /sys/devices/system/cpu && grep -Hs . present online cpu[0-9]*/cpufreq/cpuinfo_max_freq \
cpu[0-9]*/cpufreq/scaling_max_freq cpu[0-9]*/cpufreq/scaling_cur_freq
grep Cpus_allowed_list /proc/self/status""")

MOST = 1024     # no phone has more; keeps `0-999999999` from filling the memory
FREQUENCY = re.compile(r"^cpu(\d{1,4})/cpufreq/(\w+):(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Cores:
    """Cores by their numbers; None for what the phone does not tell. Frequencies are in kHz.

    Attributes:
        present: all that there are.
        online: those that are switched on.
        allowed: those that a command of adb may run on.
        fastest: what each can do by design, `limit` what it may do now, `clock` what it does.
    """

    present: tuple[int, ...] | None
    online: tuple[int, ...] | None
    allowed: tuple[int, ...] | None
    fastest: Mapping[int, int]
    limit: Mapping[int, int]
    clock: Mapping[int, int]

    @property
    def usable(self) -> tuple[int, ...]:
        """Those that jobs may run on; empty where the phone tells nothing at all."""
        present = self.present or tuple(sorted(self.fastest)) or self.online or self.allowed or ()
        return tuple(core for core in present if self.allowed is None or core in self.allowed)


def read(text: str) -> Cores:
    """What the script of `CORES` printed."""
    text = text.replace("\r", "")
    frequencies: dict[str, dict[int, int]] = {}
    for core, name, content in FREQUENCY.findall(text):
        value = integer(content)
        if value is not None and value > 0:
            frequencies.setdefault(name, {})[int(core)] = value
    return Cores(present=listing(_line(text, "present")), online=listing(_line(text, "online")),
                 allowed=listing(_line(text, "Cpus_allowed_list")), fastest=frequencies.get("cpuinfo_max_freq", {}),
                 limit=frequencies.get("scaling_max_freq", {}), clock=frequencies.get("scaling_cur_freq", {}))


def listing(text: str | None) -> tuple[int, ...] | None:
    """The kernel's list of cores, such as `0-3,5`; None for what is none."""
    found: set[int] = set()
    for part in (text or "").strip().split(","):
        low, dash, high = part.partition("-")
        first, last = integer(low), integer(high if dash else low)
        if first is None or last is None or not 0 <= first <= last < MOST:
            return None
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def _line(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}:(.*)$", text, re.MULTILINE)
    return found[1] if found else None
