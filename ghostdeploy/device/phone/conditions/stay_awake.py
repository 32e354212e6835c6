"""The screen stays on while a cable gives power: the developer option, as a bit for each kind of power."""

from __future__ import annotations

import re

from ghostdeploy.device.phone.conditions.base import Setting, Words
from ghostdeploy.device.phone.questions import Question

SETTING = ("global", "stay_on_while_plugged_in")
VALUE = re.compile(r"null|[0-9]{1,3}")
ANY_POWER = "7"     # android.os.BatteryManager: 1 charger, 2 USB, 4 wireless


def read(text: str) -> str | None:
    """The bits, or `null` on a phone where nobody ever touched the option."""
    return text.strip() if VALUE.fullmatch(text.strip()) else None


def commands(value: str) -> tuple[Words, ...]:
    """`null` can't be put, only deleted back to."""
    if value == "null":
        return (("settings", "delete", *SETTING),)
    return (("settings", "put", *SETTING, value),) if VALUE.fullmatch(value) else ()


STAY_AWAKE = Setting("stay-awake", ANY_POWER, Question("stay-awake", "settings get " + " ".join(SETTING)), read,
                     commands)
