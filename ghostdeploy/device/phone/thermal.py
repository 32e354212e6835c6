"""`dumpsys thermalservice` (Android 10 and later): how hot the phone finds itself, and what its sensors say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ghostdeploy.device.phone.numbers import celsius, decimal, integer
from ghostdeploy.device.phone.questions import Question

THERMAL = Question("thermal", "dumpsys thermalservice")

# android.os.PowerManager.THERMAL_STATUS_*, in order.
STATUSES = ("NONE", "LIGHT", "MODERATE", "SEVERE", "CRITICAL", "EMERGENCY", "SHUTDOWN")

# android.os.Temperature.TYPE_*: those that are temperatures of something. 6 to 8 are the battery's current limits, in
# volts, amperes and per cent, under the same name.
TYPES = {0: "CPU", 1: "GPU", 2: "battery", 3: "skin", 4: "USB port", 5: "power amplifier", 9: "NPU", 10: "TPU",
         11: "display", 12: "modem", 13: "SoC"}
COMPUTING = (0, 1, 3, 9, 10, 13)    # what a model heats, and the skin by which phones throttle

STATUS = re.compile(r"^[ \t]*Thermal Status:[ \t]*(\d)\s*?$", re.MULTILINE)
READING = re.compile(r"Temperature\{mValue=([^,}\s]+), *mType=([^,}\s]+), *mName=([^,}]*?)(?:, *mStatus=([^,}\s]+))?\}")
HAL = re.compile(r"^[ \t]*Current temperatures from HAL:?\s*?$", re.MULTILINE)


@dataclass(frozen=True)
class Reading:
    """One sensor."""

    name: str
    type: int
    celsius: float


@dataclass(frozen=True)
class Thermal:
    """The phone's thermal state; `status` is 0 NONE to 6 SHUTDOWN, None where the phone has no such service.

    `faked`: `cmd thermalservice override-status` was used and not reset.
    """

    status: int | None
    faked: bool
    readings: tuple[Reading, ...]

    @property
    def hottest(self) -> float | None:
        """The hottest of processors and skin, in degrees Celsius."""
        return max((reading.celsius for reading in self.readings if reading.type in COMPUTING), default=None)


def read(text: str) -> Thermal:
    """What `dumpsys thermalservice` printed. Sensors as the HAL says now, else as the service remembers them."""
    status = STATUS.search(text)
    level = integer(status[1]) if status else None
    hal = HAL.search(text)
    current = _readings(text[hal.end():]) if hal else ()
    return Thermal(status=level if level is not None and level < len(STATUSES) else None,
                   faked=re.search(r"^[ \t]*IsStatusOverride:[ \t]*true\s*?$", text, re.MULTILINE) is not None,
                   readings=current or _readings(text))


def name(status: int) -> str:
    """The status as Android calls it."""
    return STATUSES[status] if 0 <= status < len(STATUSES) else str(status)


def _readings(text: str) -> tuple[Reading, ...]:
    found = []
    for value, type_, sensor, _ in READING.findall(text):
        number, kind = celsius(decimal(value)), integer(type_)
        if number is not None and kind in TYPES:
            found.append(Reading(sensor.strip(), kind, number))
    return tuple(found)
