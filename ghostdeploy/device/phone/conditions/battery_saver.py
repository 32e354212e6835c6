"""Battery saver off: it caps the clocks."""

from __future__ import annotations

from ghostdeploy.device.phone.conditions.base import Setting, Words, switch
from ghostdeploy.device.phone.questions import Question

MODES = {"on": "1", "off": "0"}


def commands(value: str) -> tuple[Words, ...]:
    """`cmd power set-mode` came with Android 10; before, the system follows the setting. Neither harms the other."""
    if value not in MODES:
        return ()
    return ("cmd", "power", "set-mode", MODES[value]), ("settings", "put", "global", "low_power", MODES[value])


BATTERY_SAVER = Setting("battery-saver", "off", Question("battery-saver", "settings get global low_power"), switch,
                        commands)
