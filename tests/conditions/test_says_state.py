"""dumpsys battery, dumpsys thermalservice, loadavg: how a phone is."""

from __future__ import annotations

import pytest

from ghostdeploy.device.base import Core, DeviceInfo
from ghostdeploy.device.phone import battery, load, state, thermal
from ghostdeploy.device.phone.battery import Battery
from ghostdeploy.device.phone.questions import Answers
from tests.conditions.sampled import sample


@pytest.mark.parametrize(("name", "expected"), [
    ("aosp-api26", Battery(71.0, 31.4, True, True, True, False)),
    ("samsung-api33", Battery(100.0, 29.8, True, True, True, False)),
    ("faked-discharging-api34", Battery(12.0, 40.2, False, False, True, True)),
    ("television-api30", Battery(0.0, None, True, None, False, False)),
])
def test_batteries(name: str, expected: Battery) -> None:
    assert battery.read(sample(f"battery-{name}")) == expected
    assert battery.read(sample(f"battery-{name}").replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(("text", "percent"), [("level: 50\nscale: 200", 25.0), ("level: 50", 50.0),
                                               ("level: -1", None),
                                               ("level: 101\nscale: 100", None), ("level: 1\nscale: 0", None),
                                               ("level:\n  scale: 100", None), ("level: " + "9" * 5000, None)])
def test_charges(text: str, percent: float | None) -> None:
    assert battery.read(text).percent == percent


def test_thermal_services() -> None:
    old = thermal.read(sample("thermal-aosp-api29"))
    assert (old.status, old.faked, old.hottest, len(old.readings)) == (1, False, 61.5, 4)
    cached = thermal.read(sample("thermal-galaxy-api33"))       # the HAL says nothing: what the service remembers
    assert (cached.status, cached.hottest, [r.name for r in cached.readings]) == (0, 33.6, ["AP", "BAT", "SKIN"])
    overridden = thermal.read(sample("thermal-pixel-api35"))    # not numbers, currents and per cent are no temperatures
    assert (overridden.status, overridden.faked, overridden.hottest) == (3, True, 44.1)
    assert [reading.name for reading in overridden.readings] == ["LITTLE", "battery"]


@pytest.mark.parametrize("text", ["", "Can't find service: thermalservice", "Thermal Status: 9", "Thermal Status: -1",
                                  "Thermal Status:\n0"])
def test_no_thermal_service(text: str) -> None:
    assert thermal.read(text).status is None and thermal.read(text).hottest is None


def test_load() -> None:
    assert load.average("12.41 11.02 10.87 3/4211 12345\n") == 12.41
    assert load.average("") is None and load.average("x") is None
    idle, busy = "cpu  100 0 100 800 0 0 0 0 0 0\n", "cpu  150 0 150 800 100 0 0 0 0 0\n"
    assert load.busy_share(idle, busy) == 0.5
    for text in ("", "cpu\n", "cpu  1 2 3\n", "intr 5\n"):
        assert load.busy_share(idle, text) is None
    assert load.busy_share(idle, idle) is None


INFO = DeviceInfo("android", "X1", None, None, None, "arm64-v8a", "Android 11", "11", 30, "4.19", 4096, 8_000_000,
                  tuple(Core(index, None) for index in range(8)), (), ())


def test_a_whole_state() -> None:
    found = state.device_state(INFO, Answers({
        "cores": sample("cores-snapdragon865"), "thermal": sample("thermal-aosp-api29"),
        "battery": sample("battery-aosp-api26"), "loadavg": "3.0 2.0 1.0 1/1 1"}, {}))
    assert found.clocks_khz == (1075200, None, None, None, 710400, None, None, None)
    assert found.limits_khz[4:] == (2419200, 2419200, 2419200, None)
    assert (found.thermal, found.thermal_status, found.battery_c) == (61.5, 1, 31.4)
    assert (found.battery_percent, found.load) == (71.0, 3.0)


def test_a_phone_that_says_nothing_has_a_state_that_knows_nothing() -> None:
    found = state.device_state(INFO, Answers({}, {}))
    assert found.clocks_khz == (None,) * 8 == found.limits_khz
    assert {found.thermal, found.load, found.stolen_s, found.thermal_status, found.battery_c} == {None}
    assert found.battery_percent is None
