"""Waiting for a phone to cool, with a countdown and a deadline; and telling rounds that were throttled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ghostdeploy.device.base import Core, DeviceState
from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone import cooling
from ghostdeploy.device.phone.control import controlled
from ghostdeploy.device.phone.cooling import Coolness, Heat
from ghostdeploy.phone_errors import DeviceNotReady
from tests.conditions.shell_link import ALLOWED, Heard, Patience, ShellLink

COOL = Coolness(battery_c=37.0, deadline_s=120.0)


class CoolingPhone(Patience):
    """Time in which the test phone's battery loses a tenth of a degree per second, from 40 °C down to `floor`."""

    def __init__(self, link: ShellLink, floor: int) -> None:
        super().__init__()
        self._link, self._floor, self._tenths = link, floor, 400
        link.edit("battery", "temperature: 286", "temperature: 400")

    def sleep(self, seconds: float, /) -> None:
        super().sleep(seconds)
        cooler = max(self._floor, 400 - int(self.now))
        self._link.edit("battery", f"temperature: {self._tenths}", f"temperature: {cooler}")
        self._tenths = cooler


def test_a_phone_that_cools_is_waited_for_with_a_countdown(link: ShellLink) -> None:
    progress = Heard()
    cooled = cooling.wait(link, COOL, progress, CoolingPhone(link, 300))
    assert cooled.excess is None and cooled.waited_s == 30.0 and cooled.heat.battery_c == 37.0
    assert len(progress.notes) == 2
    assert "battery at 40.0 °C, above 37.0; 120 s left" in progress.notes[0] and "105 s left" in progress.notes[1]


def test_a_phone_that_stays_hot_is_given_up_at_the_deadline(link: ShellLink) -> None:
    clock = CoolingPhone(link, 380)
    link.edit("thermalservice", "Thermal Status: 0", "Thermal Status: 2")
    cooled = cooling.wait(link, COOL, Heard(), clock)
    assert cooled.excess == "thermal status MODERATE, battery at 38.0 °C, above 37.0"
    assert cooled.waited_s == clock.now == 120.0


def test_a_cool_phone_is_not_waited_for(link: ShellLink) -> None:
    clock = Patience()
    assert cooling.wait(link, COOL, Heard(), clock).excess is None and clock.slept == []


def test_a_phone_that_tells_nothing_is_not_waited_for() -> None:
    assert Heat(None, None).excess(COOL) is None and Heat(0, 37.0).excess(COOL) is None
    assert Heat(3, None).excess(COOL) == "thermal status SEVERE"


def test_a_phone_that_heats_up_between_rounds_is_waited_for(link: ShellLink) -> None:
    wishes = Wishes("none", allow=ALLOWED, cool_down_s=60.0)
    before = link.settings()
    with (pytest.raises(DeviceNotReady, match="THERMAL") as caught,
          controlled(link, wishes, clock=Patience()) as control):
        control.rest()
        link.edit("thermalservice", "Thermal Status: 0", "Thermal Status: 1")
        control.rest()
    assert "after 60 s of waiting" in caught.value.why
    link.edit("thermalservice", "Thermal Status: 1", "Thermal Status: 0")
    assert link.settings() == before and link.left_behind() == []


# Not numbered from 0: a command of adb may be kept off some cores.
CORES = (Core(3, 1800000), Core(7, 2800000))
STATE = DeviceState((1000, 2000), 40.0, 1.0, None, (1800000, 2800000), 0, 30.0, 80.0)
HELD_DOWN = replace(STATE, limits_khz=(1800000, 2400000))
UNTOUCHED = Wishes("none", allow=ALLOWED)


@pytest.mark.parametrize(("before", "after", "reason"), [
    (STATE, STATE, None),
    (STATE, replace(STATE, thermal_status=2), "thermal status MODERATE"),
    (replace(STATE, thermal_status=1), STATE, "thermal status LIGHT"),
    (STATE, HELD_DOWN, "core 7 was held down from 2.80 to 2.40 GHz"),
    (HELD_DOWN, STATE, "core 7 was held down from 2.80 to 2.40 GHz"),
    (STATE, replace(STATE, limits_khz=(1800000, None)), "core 7 was switched off"),
    (replace(STATE, limits_khz=(1800000, None)), STATE, None),
    (replace(STATE, thermal_status=None, limits_khz=()), replace(STATE, thermal_status=None, limits_khz=()), None),
])
def test_rounds_that_were_throttled(before: DeviceState, after: DeviceState, reason: str | None,
                                    link: ShellLink) -> None:
    with controlled(link, UNTOUCHED, clock=Patience()) as control:
        assert control.spoiled(before, after, CORES, None) == reason


def test_a_phone_that_stays_held_down_does_not_look_recovered(link: ShellLink) -> None:
    reason = "core 7 was held down from 2.80 to 2.40 GHz"
    with controlled(link, UNTOUCHED, clock=Patience()) as control:
        assert control.spoiled(STATE, HELD_DOWN, CORES, None) == reason
        assert control.spoiled(HELD_DOWN, HELD_DOWN, CORES, None) == reason
        assert control.spoiled(STATE, STATE, CORES, None) is None


def test_only_the_cores_that_the_job_ran_on_count(link: ShellLink) -> None:
    with controlled(link, UNTOUCHED, clock=Patience()) as control:
        assert control.spoiled(STATE, HELD_DOWN, CORES, (3,)) is None
        assert control.spoiled(HELD_DOWN, HELD_DOWN, CORES, (7,)) == "core 7 was held down from 2.80 to 2.40 GHz"
