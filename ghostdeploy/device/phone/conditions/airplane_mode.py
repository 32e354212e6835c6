"""Airplane mode: no radio wakes the phone. Only by cable: it would cut a network connection to the phone."""

from __future__ import annotations

from ghostdeploy.device.phone.conditions.base import Setting, Words, switch
from ghostdeploy.device.phone.questions import Question

MODES = {"on": "enable", "off": "disable"}


def commands(value: str) -> tuple[Words, ...]:
    """Since API 30; the broadcast that did it before is refused to adb (`am broadcast AIRPLANE_MODE`)."""
    return (("cmd", "connectivity", "airplane-mode", MODES[value]),) if value in MODES else ()


AIRPLANE_MODE = Setting("airplane-mode", "on", Question("airplane-mode", "settings get global airplane_mode_on"),
                        switch, commands)
