"""What can change on a phone while it measures, asked in one round trip."""

from __future__ import annotations

from typing import Final

from ghostdeploy.device.adb.link import Link
from ghostdeploy.device.base import DeviceInfo, DeviceState
from ghostdeploy.device.phone import battery, cores, load, thermal
from ghostdeploy.device.phone.battery import BATTERY
from ghostdeploy.device.phone.cores import CORES
from ghostdeploy.device.phone.load import AVERAGE
from ghostdeploy.device.phone.questions import Answers, ask
from ghostdeploy.device.phone.thermal import THERMAL

QUESTIONS: Final = (CORES, THERMAL, BATTERY, AVERAGE)      # clocks first: the others make the phone work


def state(link: Link, info: DeviceInfo) -> DeviceState:
    """Clocks, heat, battery and load of the phone now; clocks in the order of `info.cores`.

    Raises:
        DeviceError: see `Link`.
    """
    return device_state(info, ask(link, QUESTIONS))


def device_state(info: DeviceInfo, answers: Answers) -> DeviceState:
    """The state of the phone `info` that gave these `answers`; nothing in it is guessed."""
    there, heat, cell = (cores.read(answers[CORES]), thermal.read(answers[THERMAL]), battery.read(answers[BATTERY]))
    return DeviceState(
        clocks_khz=tuple(there.clock.get(core.index) for core in info.cores), thermal=heat.hottest,
        load=load.average(answers[AVERAGE]), stolen_s=None,
        limits_khz=tuple(there.limit.get(core.index) for core in info.cores), thermal_status=heat.status,
        battery_c=cell.celsius, battery_percent=cell.percent)
