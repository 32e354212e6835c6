"""A machine without adb: phones on the network and emulators are reached directly; others say what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghostdeploy.device.adb import direct
from ghostdeploy.device.adb.discover import attached, open_link
from ghostdeploy.device.adb.serials import Named
from ghostdeploy.errors import DeviceNotFound
from ghostdeploy.phone_errors import AdbProblem
from tests.adb.adb_server import free_port
from tests.adb.fake import FakePhone


@pytest.fixture(autouse=True)
def no_adb(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server, and nothing to start one with."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"tcp:localhost:{free_port()}")


@pytest.fixture
def no_libusb(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `usb` is not installed."""
    monkeypatch.setattr(direct, "_usb", lambda: None)


def test_a_phone_on_the_network(tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        link = open_link(phone.address)
        assert (link.serial, link.transport, link.over_network) == (phone.address, "TCP", True)
        assert link.run(("echo", "here")).out == b"here\n"


def test_an_emulator(tmp_path: Path) -> None:
    """Its adbd listens on the port after the console's, which is in its name. Airplane mode does not cut it off."""
    with FakePhone(tmp_path) as phone:
        link = direct.open_link(Named("emulator", "emulator-5554", "127.0.0.1", phone.port))
        assert (link.serial, link.over_network) == ("emulator-5554", False)


def test_nobody_answers() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(DeviceNotFound, match=f"no phone answers at {address}") as caught:
        open_link(address)
    assert "refused" in caught.value.why and "--device local" in caught.value.next


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(DeviceNotFound, match=r"no phone answers at nosuch\.invalid:5555"):
        open_link("nosuch.invalid:5555")


def test_a_paired_phone() -> None:
    with pytest.raises(AdbProblem) as caught:
        open_link("adb-R58M12ABCDE-x1y2z3._adb-tls-connect._tcp")
    assert "install adb" in caught.value.next and "adb pair" in caught.value.next


@pytest.mark.parametrize("serial", [None, "R58M12ABCDE"])
@pytest.mark.usefixtures("no_libusb")
def test_a_phone_on_usb_needs_adb_or_libusb(serial: str | None) -> None:
    assert attached() == ()
    with pytest.raises(DeviceNotFound, match="no adb on this machine") as caught:
        open_link(serial)
    assert "install adb" in caught.value.next and "ghostdeploy[usb]" in caught.value.next
    assert "--device local" in caught.value.next
