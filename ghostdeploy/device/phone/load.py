"""`/proc/loadavg` and `/proc/stat`: how busy the phone is with other things."""

from __future__ import annotations

import re

from ghostdeploy.device.phone.numbers import decimal
from ghostdeploy.device.phone.questions import Question

AVERAGE = Question("loadavg", "cat /proc/loadavg")

# Android's load average counts tasks that sleep in drivers: idle phones show 5 and more. So what the cores do is
# counted twice, some time apart.
COUNTED = Question("stat", "head -n 1 /proc/stat")

IDLE = (3, 4)       # proc(5): idle and iowait
GUESTS = 8          # the columns after it are counted in earlier ones already


def average(text: str) -> float | None:
    """Runnable (and, on Android, many sleeping) tasks, averaged by the kernel over the last minute."""
    value = decimal(text.split()[0]) if text.split() else None
    return value if value is not None and value >= 0 else None


def busy_share(before: str, after: str) -> float | None:
    """The part of all cores' time that was not idle between two answers of `COUNTED`; 0 to 1, None if not known."""
    first, second = _counters(before), _counters(after)
    if min(len(first), len(second)) <= max(IDLE):
        return None
    spent = [new - old for old, new in zip(first, second, strict=False)]
    idle = sum(spent[column] for column in IDLE)
    return min(1.0, max(0.0, 1 - idle / sum(spent))) if sum(spent) > 0 else None


def _counters(text: str) -> list[int]:
    found = re.search(r"^cpu ((?: *[0-9]{1,18})+) *\r?$", text, re.MULTILINE)
    return [int(field) for field in found[1].split()[:GUESTS]] if found else []
