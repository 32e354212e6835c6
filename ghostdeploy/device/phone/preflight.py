"""What stands against measuring, by name; each refuses the run unless the user allows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from ghostdeploy.device.condition import Finding
from ghostdeploy.device.phone import battery, cpuinfo, properties, thermal
from ghostdeploy.device.phone.battery import BATTERY, Battery
from ghostdeploy.device.phone.conditions import BATTERY_SAVER, SCREEN
from ghostdeploy.device.phone.conditions.screen import LOCKED, OFF
from ghostdeploy.device.phone.cpuinfo import CPUINFO
from ghostdeploy.device.phone.describe import SUPPORTED, emulation
from ghostdeploy.device.phone.kernel import MACHINE
from ghostdeploy.device.phone.properties import PROPERTIES
from ghostdeploy.device.phone.questions import Answers
from ghostdeploy.device.phone.thermal import THERMAL
from ghostdeploy.errors import UsageError
from ghostdeploy.phone_errors import DeviceNotReady

NAMES: Final = ("BATTERY_LOW", "BATTERY_FAKED", "NOT_CHARGING", "THERMAL", "THERMAL_FAKED", "EMULATOR", "DEBUG_BUILD",
                "SCREEN_OFF", "SCREEN_LOCKED", "POWER_SAVE", "OTHER_LOAD")
QUESTIONS: Final = (PROPERTIES, MACHINE, CPUINFO, BATTERY, THERMAL, SCREEN.question, BATTERY_SAVER.question)


@dataclass(frozen=True)
class Thresholds:
    """From where on something stands against measuring.

    Attributes:
        battery_percent: AndroidX Benchmark's LOW-BATTERY: phones hold their clocks down when it is nearly empty.
        busy_share: part of all cores' time that others take; the same as for computers (`machine.BUSY_SHARE`).
    """

    battery_percent: float = 25.0
    busy_share: float = 0.25


THRESHOLDS: Final = Thresholds()


@dataclass(frozen=True)
class Facts:
    """What the findings rest on; None for what the phone does not tell."""

    battery: Battery
    thermal_faked: bool
    emulator: str | None
    build_type: str | None
    screen: str | None
    battery_saver: str | None


def facts(answers: Answers) -> Facts:
    """The facts in the phone's answers to `QUESTIONS`."""
    built = properties.read(answers[PROPERTIES])
    abi = next((name for name in built.abis if name in SUPPORTED), "")
    return Facts(battery=battery.read(answers[BATTERY]), thermal_faked=thermal.read(answers[THERMAL]).faked,
                 emulator=emulation(built, cpuinfo.read(answers[CPUINFO]), abi, answers[MACHINE]),
                 build_type=built.build_type, screen=SCREEN.read(answers[SCREEN.question]),
                 battery_saver=BATTERY_SAVER.read(answers[BATTERY_SAVER.question]))


def findings(known: Facts, thresholds: Thresholds, allow: Collection[str]) -> tuple[Finding, ...]:
    """What stands against measuring a phone of which this is `known`."""
    return (*_of_battery(known.battery, thresholds, allow), *_of_system(known, allow), *_of_screen(known, allow))


def heat(excess: str | None, waited_s: float, allow: Collection[str]) -> tuple[Finding, ...]:
    """THERMAL, for a phone of which `excess` was still too warm."""
    if excess is None:
        return ()
    return (_finding("THERMAL", f"the phone is too warm after {waited_s:.0f} s of waiting: {excess}",
                     "lay it on something cold, out of its case, or let it wait longer", allow),)


def load(busy: float | None, thresholds: Thresholds, allow: Collection[str]) -> tuple[Finding, ...]:
    """OTHER_LOAD, for a phone whose cores were `busy` without us."""
    if busy is None or busy <= thresholds.busy_share:
        return ()
    return (_finding("OTHER_LOAD", f"something else takes {busy:.0%} of the phone's processors",
                     "let it finish updates and downloads; see which program it is: adb shell top", allow),)


def refuse(serial: str, found: Sequence[Finding]) -> None:
    """Nothing, if all of `found` are allowed.

    Raises:
        DeviceNotReady: names all that are not, each with its way out.
    """
    if not (against := [finding for finding in found if not finding.allowed]):
        return
    raise DeviceNotReady(f"{serial} is not ready to be measured: {', '.join(f.name for f in against)}",
                         "\n".join(f"{f.name}: {f.sentence}; {f.way_out}" for f in against),
                         "put it right, or measure all the same, which the result will say: "
                         f"--allow {','.join(f.name for f in against)}")


def check_names(allow: Collection[str]) -> None:
    """Nothing, if all of `allow` are names of findings.

    Raises:
        UsageError: one is not.
    """
    for name in allow:
        if name not in NAMES:
            raise UsageError(f"--allow {name}: there is no such finding", f"there are {', '.join(NAMES)}",
                             "take one of these names")


def _finding(name: str, sentence: str, way_out: str, allow: Collection[str]) -> Finding:
    return Finding(name, sentence, way_out, name in allow)


def _of_battery(cell: Battery, thresholds: Thresholds, allow: Collection[str]) -> list[Finding]:
    found = []
    if cell.faked:
        found.append(_finding("BATTERY_FAKED", "what the phone says of its battery is not measured, somebody set it",
                              "adb shell dumpsys battery reset", allow))
    if cell.present is False:
        return found
    if cell.percent is not None and cell.percent < thresholds.battery_percent:
        found.append(_finding("BATTERY_LOW", f"the battery is at {cell.percent:.0f} %, below "
                              f"{thresholds.battery_percent:.0f}: phones slow down to make it last", "charge it",
                              allow))
    if cell.plugged is False:
        found.append(_finding("NOT_CHARGING", "the phone runs on its battery: its screen can't be kept on, and phones "
                              "save power then", "plug it in", allow))
    return found


def _of_system(known: Facts, allow: Collection[str]) -> list[Finding]:
    found = []
    if known.thermal_faked:
        found.append(_finding("THERMAL_FAKED", "the phone's thermal status is not measured, somebody set it",
                              "adb shell cmd thermalservice reset", allow))
    if known.emulator is not None:
        found.append(_finding("EMULATOR", f"this is an emulator ({known.emulator}): its times mean nothing",
                              "measure on a phone", allow))
    if known.build_type == "eng":
        found.append(_finding("DEBUG_BUILD", "the phone's system is an eng build, with checks that cost time",
                              "measure on a user build", allow))
    return found


def _of_screen(known: Facts, allow: Collection[str]) -> list[Finding]:
    found = []
    if known.screen == OFF:
        found.append(_finding("SCREEN_OFF", "the screen is off, and phones slow down then", "switch it on", allow))
    if known.screen == LOCKED:
        found.append(_finding("SCREEN_LOCKED", "the phone is locked: apps, and so clocks, are held back", "unlock it",
                              allow))
    if known.battery_saver == "on":
        found.append(_finding("POWER_SAVE", "battery saver is on, and caps the clocks", "switch it off", allow))
    return found
