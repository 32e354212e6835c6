"""Asking for the values of several settings at once, and waiting until they are as they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.phone.clock import Clock
from ghostdeploy.device.phone.conditions import Setting
from ghostdeploy.device.phone.questions import Answers, ask

# A key press is worked off by other processes, and the lock screen fades for 0.3 s.
SETTLE_S, PAUSE_S = 3.0, 0.5


def values(settings: Sequence[Setting], answers: Answers) -> dict[str, str | None]:
    """Each setting's value by its name; None for what the phone does not tell."""
    return {setting.name: setting.read(answers[setting.question]) for setting in settings}


def look(link: Link, settings: Sequence[Setting]) -> dict[str, str | None]:
    """Their values now.

    Raises:
        DeviceError: see `Link`.
    """
    return values(settings, ask(link, [setting.question for setting in settings])) if settings else {}


def settled(link: Link, wanted: Mapping[Setting, str], clock: Clock) -> dict[str, str | None]:
    """Their values, once all that are told are as `wanted`, or 3 s have passed.

    Raises:
        DeviceError: see `Link`.
    """
    end = clock.monotonic() + SETTLE_S
    while True:
        found = look(link, tuple(wanted))
        if all(found[setting.name] in (value, None) for setting, value in wanted.items()) or clock.monotonic() >= end:
            return found
        clock.sleep(PAUSE_S)
