"""Findings: each is found, refuses the run, can be allowed, and stays in the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ghostdeploy.device.control import Wishes
from ghostdeploy.device.phone import preflight
from ghostdeploy.device.phone.control import controlled
from ghostdeploy.errors import UsageError
from ghostdeploy.phone_errors import DeviceNotReady
from tests.conditions.shell_link import ALLOWED, Heard, Patience, ShellLink

WISHES = Wishes(close_apps="none", allow=ALLOWED, cool_down_s=60.0)

SPOILERS: dict[str, Callable[[ShellLink], None]] = {
    "BATTERY_LOW": lambda p: p.edit("battery", "level: 84", "level: 24"),
    "BATTERY_FAKED": lambda p: p.edit("battery", "state:\n", "state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n"),
    "NOT_CHARGING": lambda p: p.edit("battery", "USB powered: true", "USB powered: false"),
    "THERMAL": lambda p: p.edit("thermalservice", "Thermal Status: 0", "Thermal Status: 1"),
    "THERMAL_FAKED": lambda p: p.edit("thermalservice", "IsStatusOverride: false", "IsStatusOverride: true"),
    "DEBUG_BUILD": lambda p: p.edit("props", "ro.build.type=user", "ro.build.type=eng"),
    "SCREEN_OFF": lambda p: p.state("refuse").write_text("input keyevent\n") and None,
    "SCREEN_LOCKED": lambda p: p.state("keyguard").write_text("showing=true\nsecure=true\n") and None,
    "POWER_SAVE": lambda p: p.state("refuse").write_text("cmd power set-mode\nsettings put global low\n") and None,
}


@pytest.mark.parametrize("name", SPOILERS)
def test_each_finding_refuses_and_can_be_allowed(link: ShellLink, name: str) -> None:
    SPOILERS[name](link)
    before = link.settings()
    with pytest.raises(DeviceNotReady) as caught, controlled(link, WISHES, clock=Patience()):
        pytest.fail("it was measured")
    assert name in caught.value.what and f"--allow {name}" in caught.value.next
    assert link.settings() == before and link.left_behind() == []
    with controlled(link, replace(WISHES, allow=(*ALLOWED, name)), clock=Patience()) as control:
        pass
    found = {finding.name: finding for finding in control.findings()}
    assert found[name].allowed and len(found[name].sentence) > 20 and len(found[name].way_out) > 6


def test_an_emulator_is_one(link: ShellLink) -> None:
    with pytest.raises(DeviceNotReady, match="EMULATOR"), controlled(link, replace(WISHES, allow=()), clock=Patience()):
        pytest.fail("it was measured")


def test_all_are_named_at_once(link: ShellLink) -> None:
    for name in ("BATTERY_LOW", "NOT_CHARGING", "DEBUG_BUILD", "SCREEN_LOCKED"):
        SPOILERS[name](link)
    wishes = replace(WISHES, allow=("EMULATOR",))
    with pytest.raises(DeviceNotReady) as caught, controlled(link, wishes, clock=Patience()):
        pytest.fail("it was measured")
    assert caught.value.next.endswith("--allow BATTERY_LOW,NOT_CHARGING,DEBUG_BUILD,SCREEN_LOCKED")
    assert "EMULATOR" not in caught.value.what and caught.value.why.count("\n") == 3


def test_a_name_that_is_none(link: ShellLink) -> None:
    with pytest.raises(UsageError, match="BATERY") as caught, controlled(link, Wishes(allow=("BATERY",))):
        pytest.fail("it was measured")
    assert "BATTERY_LOW" in caught.value.why and link.changed_by() == []


@pytest.mark.parametrize(("busy", "names"), [(None, []), (0.25, []), (0.26, ["OTHER_LOAD"]), (1.0, ["OTHER_LOAD"])])
def test_other_load(busy: float | None, names: list[str]) -> None:
    assert [finding.name for finding in preflight.load(busy, preflight.THRESHOLDS, ())] == names


def test_load_that_settles_is_waited_for_and_load_that_stays_refuses(link: ShellLink) -> None:
    """The phone's /proc/stat is this machine's, so what it counts is made up here; the rest is the phone's."""
    counted: list[int] = []

    def counters(busy_looks: int) -> Callable[..., object]:
        run = type(link).run

        def counting(words: tuple[str, ...], **options: float) -> object:
            done = run(link, words, **options)
            if "/proc/stat" not in " ".join(words):
                return done
            counted.append(0)
            look, second = divmod(len(counted) - 1, 2)
            spent = 900 if look < busy_looks and second else 0
            marker = words[3]
            text = f"\n{marker} stat\ncpu  {spent} 0 0 {1000 - spent if second else 0} 0 0 0 0\n\n{marker} = 0\n"
            return replace(done, out=text.encode())
        return counting

    quiet = replace(WISHES, allow=("EMULATOR",))
    try:
        link.run = counters(3)  # type: ignore[assignment,method-assign]
        with controlled(link, quiet, clock=Patience()) as control:
            pass
        assert len(counted) == 8 and [f.name for f in control.findings()] == ["EMULATOR"]
        counted.clear()
        link.run = counters(1000)  # type: ignore[assignment,method-assign]
        with pytest.raises(DeviceNotReady, match="OTHER_LOAD"), controlled(link, quiet, clock=Patience()):
            pytest.fail("it was measured")
    finally:
        del link.run


def test_a_television_has_no_battery_to_charge(link: ShellLink) -> None:
    link.edit("battery", "present: true", "present: false")
    link.edit("battery", "level: 84", "level: 0")
    with controlled(link, WISHES, Heard(), Patience()) as control:
        pass
    assert {finding.name for finding in control.findings()} <= set(ALLOWED)
