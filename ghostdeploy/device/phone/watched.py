"""What nobody can set on a phone, but everybody should know: heat and battery, before and after."""

from __future__ import annotations

from typing import Final

from ghostdeploy.device.condition import Condition
from ghostdeploy.device.phone import battery, thermal
from ghostdeploy.device.phone.battery import BATTERY
from ghostdeploy.device.phone.cooling import Coolness
from ghostdeploy.device.phone.preflight import Thresholds
from ghostdeploy.device.phone.questions import Answers
from ghostdeploy.device.phone.thermal import THERMAL

QUESTIONS: Final = (THERMAL, BATTERY)


def records(before: Answers, after: Answers, thresholds: Thresholds, coolness: Coolness) -> tuple[Condition, ...]:
    """Thermal status, battery temperature and charge; achieved where they were as wanted at both times."""
    statuses = [thermal.read(answers[THERMAL]).status for answers in (before, after)]
    cells = [battery.read(answers[BATTERY]) for answers in (before, after)]
    warmths, charges = [cell.celsius for cell in cells], [cell.percent for cell in cells]
    return (_record("thermal-status", "NONE", [s == 0 for s in statuses],
                    [None if s is None else thermal.name(s) for s in statuses]),
            _record("battery-temperature", f"at most {coolness.battery_c:g} °C",
                    [c is not None and c <= coolness.battery_c for c in warmths],
                    [None if c is None else f"{c:.1f} °C" for c in warmths]),
            _record("battery-level", f"at least {thresholds.battery_percent:g} %",
                    [c is not None and c >= thresholds.battery_percent for c in charges],
                    [None if c is None else f"{c:.0f} %" for c in charges]))


def _record(name: str, wanted: str, good: list[bool], words: list[str | None]) -> Condition:
    return Condition(name, wanted, "achieved" if all(good) else "not controlled", words[0], words[1], None)
