"""`/proc/meminfo`."""

from __future__ import annotations

import re

from ghostdeploy.device.phone.numbers import integer
from ghostdeploy.device.phone.questions import Question

MEMORY = Question("memory", "cat /proc/meminfo")


def total_kb(text: str) -> int | None:
    """Memory of the phone in units of 1024 bytes, as its kernel counts it."""
    found = re.search(r"^MemTotal:[ \t]*(\d+)[ \t]*kB", text, re.MULTILINE)
    value = integer(found[1]) if found else None
    return value if value else None
