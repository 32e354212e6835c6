"""Reading `adb devices -l`, in the forms of adb 28 to 35, and whatever else may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostdeploy.device.adb.listing import Entry, parse

LINES = [
    ("R58M12ABCDE            device usb:1-4 product:o1s model:SM_G991B device:o1s transport_id:2",
     Entry("R58M12ABCDE", "device", "SM G991B", "1-4")),
    ("192.168.1.20:5555      device product:x model:Pixel_9 device:y transport_id:11",
     Entry("192.168.1.20:5555", "device", "Pixel 9", None)),
    ("emulator-5554          offline transport_id:1", Entry("emulator-5554", "offline", None, None)),
    ("ZY22                   unauthorized usb:3-1.4 transport_id:7", Entry("ZY22", "unauthorized", None, "3-1.4")),
    ("????????????           no permissions (user in plugdev group; are your udev rules wrong?); "
     "see [http://developer.android.com/tools/device.html] usb:1-1 transport_id:5",
     Entry("????????????", "no permissions (user in plugdev group; are your udev rules wrong?); "
                           "see [http://developer.android.com/tools/device.html]", None, "1-1")),
    ("(no serial number)     no permissions (missing udev rules? user is in the plugdev group); "
     "see [http://developer.android.com/tools/device.html] usb:1-1 transport_id:5",
     Entry("(no serial number)", "no permissions (missing udev rules? user is in the plugdev group); "
                                 "see [http://developer.android.com/tools/device.html]", None, "1-1")),
    ("adb-R58-x1._adb-tls-connect._tcp device product:x model:y device:z transport_id:4",
     Entry("adb-R58-x1._adb-tls-connect._tcp", "device", "y", None)),
    ("ABC\tdevice", Entry("ABC", "device", None, None)),
    ("ABC                    device usb:339738624X product:a model:b device:c features:cmd,shell_v2 transport_id:1",
     Entry("ABC", "device", "b", "339738624X")),
]


@pytest.mark.parametrize(("line", "entry"), LINES, ids=[line.split()[0] for line, _ in LINES])
def test_a_line(line: str, entry: Entry) -> None:
    assert parse(f"{line}\n") == (entry,)


def test_many_lines() -> None:
    assert parse("\n".join(line for line, _ in LINES)) == tuple(entry for _, entry in LINES)


@given(st.text())
def test_whatever_comes(text: str) -> None:
    """It is read, or left out."""
    for entry in parse(text):
        assert entry.serial and entry.state
