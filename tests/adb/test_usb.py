"""Phones on USB without adb, through libusb; what libusb says is turned into what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

import pytest

from tests.missing import missing

# `make test` collects this file too, on machines that have the Python part and not libusb.
if find_library("usb-1.0") is None:
    missing("libusb is missing: apt-get install adb (or libusb-1.0-0)")

import usb1
from adb_shell.adb_device import AdbDevice
from adb_shell.transport.usb_transport import UsbTransport

from ghostdeploy.device.adb import usb
from ghostdeploy.device.adb.discover import attached, open_link
from ghostdeploy.errors import DeviceNotFound
from ghostdeploy.phone_errors import (
    DeviceAmbiguous,
    DeviceBusy,
    DeviceHung,
    DeviceLost,
    DeviceNoPermission,
)
from tests.adb.adb_server import free_port
from tests.adb.fake import FakePhone, Fault
from tests.adb.usb_phone import Setting, UsbPhone


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UsbPhone]:
    """One phone on USB, and no adb."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"tcp:localhost:{free_port()}")
    with FakePhone(tmp_path / "phone") as phone:
        cable = UsbPhone(phone)
        monkeypatch.setattr(usb.MendedUsb, "USB1_CTX", cable)
        yield cable


def test_it_is_found_and_used(plugged: UsbPhone) -> None:
    (found,) = attached()
    assert (found.serial, found.state, found.transport, found.problem) == ("R58M12ABCDE", "device", "USB", None)
    for name in (None, "R58M12ABCDE", "usb:1-4.2"):
        link = open_link(name)
        assert (link.serial, link.transport, link.over_network) == ("R58M12ABCDE", "USB", False)
        assert link.run(("sh", "-c", "exit 7")).status == 7
        link.close()
    assert plugged.handles == []


def test_files_though_writes_are_cut_short(plugged: UsbPhone) -> None:
    """Stock calls `bulkWrite` once and forgets what it did not take."""
    data = os.urandom(1_000_003)
    link = open_link(None)
    link.push(data, "/data/local/tmp/x", deadline_s=20)
    assert link.pull("/data/local/tmp/x", deadline_s=20) == data
    link.close()
    stock = AdbDevice(UsbTransport(plugged, Setting()))
    stock.connect()
    with pytest.raises(Exception, match=r"(?i)could not receive"):
        stock.shell("echo " + "x" * 5000, transport_timeout_s=0.3)


def test_an_adb_server_owns_it(plugged: UsbPhone) -> None:
    plugged.claiming = usb1.USBErrorBusy()
    with pytest.raises(DeviceBusy) as caught:
        open_link(None)
    assert "LIBUSB_ERROR_BUSY" in caught.value.why
    assert "install adb" in caught.value.next and "adb kill-server" in caught.value.next
    assert plugged.handles == []        # stock leaves it open


def test_a_user_without_permission(plugged: UsbPhone) -> None:
    plugged.opening = usb1.USBErrorAccess()
    (found,) = attached()
    assert found.serial == "usb:1-4.2" and isinstance(found.problem, DeviceNoPermission)
    with pytest.raises(DeviceNoPermission) as caught:
        open_link(None)
    assert "udev rules" in caught.value.next


def test_unplugged_and_plugged_in_elsewhere(plugged: UsbPhone) -> None:
    link = open_link(None)
    plugged.phone.drop()
    with pytest.raises(DeviceLost):
        link.run(("true",))
    plugged.ports = (3,)
    link.reconnect(5)
    assert link.run(("echo", "back")).out == b"back\n"


def test_a_hung_phone(plugged: UsbPhone) -> None:
    link = open_link(None)
    plugged.phone.inject(Fault("open", "hang"))
    with pytest.raises(DeviceHung):
        link.run(("true",), deadline_s=0.5)
    assert link.run(("echo", "again")).out == b"again\n"


def test_no_phone_of_that_name(plugged: UsbPhone) -> None:
    with pytest.raises(DeviceNotFound, match="no device called R58M12ABCDF") as caught:
        open_link("R58M12ABCDF")
    assert "did you mean --device R58M12ABCDE?" in caught.value.next


def test_no_phone_and_several(plugged: UsbPhone, monkeypatch: pytest.MonkeyPatch) -> None:
    other = UsbPhone(plugged.phone, serial="ZY22", ports=(1,))
    monkeypatch.setattr(UsbPhone, "getDeviceIterator", lambda self, skip_on_error: iter((plugged, other)))
    with pytest.raises(DeviceAmbiguous):
        open_link(None)
    assert open_link("ZY22").serial == "ZY22"
    other.serial = plugged.serial
    with pytest.raises(DeviceAmbiguous) as caught:
        open_link(plugged.serial)
    assert "--device usb:1-4.2" in caught.value.next
    monkeypatch.setattr(UsbPhone, "getDeviceIterator", lambda self, skip_on_error: iter(()))
    with pytest.raises(DeviceNotFound, match="no phone is attached"):
        open_link(None)
