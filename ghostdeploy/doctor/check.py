"""One thing that `doctor` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "remark", "problem"]


@dataclass(frozen=True)
class Check:
    """What was found, and the next command where something is to be done.

    Attributes:
        name: stable, such as `adb` or `page-size`.
        verdict: `problem` stands in the way of measuring a phone; `remark` only makes a number worse, or costs time.
    """

    name: str
    verdict: Verdict
    found: str
    next: str = ""
