"""What users may name with `--device`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostdeploy.device.adb.serials import Named, read


@pytest.mark.parametrize(("serial", "named"), [
    ("R58M12ABCDE", Named("usb", "R58M12ABCDE")),
    ("usb:1-4.2", Named("usb", "usb:1-4.2")),
    ("usb:1234", Named("usb", "usb:1234")),
    ("0123456789ABCDEF", Named("usb", "0123456789ABCDEF")),
    ("192.168.1.20:5555", Named("network", "192.168.1.20:5555", "192.168.1.20", 5555)),
    ("192.168.1.20", Named("network", "192.168.1.20:5555", "192.168.1.20", 5555)),
    ("phone.lan:41234", Named("network", "phone.lan:41234", "phone.lan", 41234)),
    ("[fe80::1%eth0]:5555", Named("network", "[fe80::1%eth0]:5555", "fe80::1%eth0", 5555)),
    ("emulator-5554", Named("emulator", "emulator-5554", "127.0.0.1", 5555)),
    ("emulator-5556", Named("emulator", "emulator-5556", "127.0.0.1", 5557)),
    ("adb-R58-x1y2._adb-tls-connect._tcp", Named("paired", "adb-R58-x1y2._adb-tls-connect._tcp")),
    ("adb-R58-x1y2._adb-tls-connect._tcp.", Named("paired", "adb-R58-x1y2._adb-tls-connect._tcp.")),
    ("adb-R58._adb._tcp", Named("paired", "adb-R58._adb._tcp")),
    ("phone:99999", Named("usb", "phone:99999")),
])
def test_what_a_name_says(serial: str, named: Named) -> None:
    assert read(serial) == named


@given(st.text(max_size=60))
def test_any_name_is_some_kind(serial: str) -> None:
    named = read(serial)
    assert named.serial.startswith(serial) and 0 <= named.port < 65536
