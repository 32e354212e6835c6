"""Time, as those who wait for a phone see it; tests bring their own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """The module `time` is one."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def sleep(self, seconds: float, /) -> None:
        """Let time pass."""


SYSTEM: Clock = time
