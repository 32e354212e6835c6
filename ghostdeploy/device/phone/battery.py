"""`dumpsys battery`: charge, temperature, and whether the numbers are real."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ghostdeploy.device.phone.numbers import celsius, integer
from ghostdeploy.device.phone.questions import Question

BATTERY = Question("battery", "dumpsys battery")

ENTRY = re.compile(r"^[ \t]*([A-Za-z][\w .-]{0,60}?)[ \t]*:[ \t]*(\S.*?)\s*?$", re.MULTILINE)
CHARGING, FULL = 2, 5       # android.os.BatteryManager.BATTERY_STATUS_*


@dataclass(frozen=True)
class Battery:
    """A battery; None for what the phone does not tell.

    Attributes:
        percent: 0 to 100.
        celsius: its temperature.
        plugged: whether a charger or a computer gives power.
        charging: charging, or full.
        present: False on boards and televisions that have none.
        faked: `dumpsys battery set` was used and not reset: nothing here is measured.
    """

    percent: float | None
    celsius: float | None
    plugged: bool | None
    charging: bool | None
    present: bool | None
    faked: bool


def read(text: str) -> Battery:
    """What `dumpsys battery` printed. Vendors append lists of their own that repeat names: the first of each counts."""
    entries: dict[str, str] = {}
    for key, value in ENTRY.findall(text):
        entries.setdefault(key.lower(), value)
    status = integer(entries.get("status"))
    tenths = integer(entries.get("temperature"))
    powered = [value.lower() for key, value in entries.items() if key.endswith(" powered")]
    return Battery(
        percent=_percent(integer(entries.get("level")), integer(entries.get("scale", "100"))),
        celsius=celsius(None if tenths is None else tenths / 10),
        plugged=True if "true" in powered else False if powered else None,
        charging=None if status is None or status <= 1 else status in (CHARGING, FULL),
        present={"true": True, "false": False}.get(entries.get("present", "").lower()),
        faked="UPDATES STOPPED" in text)


def _percent(level: int | None, scale: int | None) -> float | None:
    return 100 * level / scale if level is not None and scale is not None and 0 <= level <= scale != 0 else None
