"""What matters about a device, whether it was brought under control, and what stood against measuring at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Achieved = Literal["achieved", "refused", "not controlled"]


@dataclass(frozen=True)
class Condition:
    """Something about the device that matters, and whether it was brought under control.

    Attributes:
        name: stable, such as `battery-saver`.
        wanted: what it should be, in words.
        achieved: `refused` where it was tried in vain, `not controlled` where it was not tried.
        before: what it was; None where the device does not tell, so too `after`, what it was while measuring.
        restored: whether it is again what it was; None where nothing had to be, or nothing can be, put back.
    """

    name: str
    wanted: str
    achieved: Achieved
    before: str | None
    after: str | None
    restored: bool | None


@dataclass(frozen=True)
class Finding:
    """A reason not to measure, found beforehand. `allowed` where the user wanted to go on all the same."""

    name: str
    sentence: str
    way_out: str
    allowed: bool
