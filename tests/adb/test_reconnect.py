"""`Link.reconnect`, both ways: a phone that comes back, one that does not, and an adb server that went."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ghostdeploy.device.adb import launch
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.server_address import address
from ghostdeploy.errors import DeviceError
from ghostdeploy.phone_errors import DeviceHung, DeviceLost, DeviceOffline
from tests.adb.adb_server import AdbServer
from tests.adb.fake import ANDROID_6, FakePhone, Fault
from tests.adb.ways import Way, through_server

GONE = (DeviceLost, DeviceOffline)


def test_a_phone_that_was_unplugged_and_comes_back(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        phone.unplug()
        with pytest.raises(DeviceLost):
            link.run(("true",))
        with pytest.raises(DeviceLost):
            link.run(("true",))
        back = threading.Timer(0.5, phone.plug_in)
        back.start()
        link.reconnect(15)
        back.join()
        assert link.run(("echo", "back")).out == b"back\n"


def test_a_phone_that_stays_away(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        phone.unplug()
        began = time.monotonic()
        with pytest.raises(GONE, match=r"did not come back within 1 s") as caught:
            link.reconnect(1)
        assert time.monotonic() - began < 2.5 and caught.value.next


def test_a_phone_that_comes_back_deaf(way: Way, tmp_path: Path) -> None:
    """It takes the connection and answers nothing."""
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        phone.inject(Fault("connect", "hang", nth=0))
        phone.drop()
        began = time.monotonic()
        with pytest.raises((DeviceHung, *GONE), match=r"did not come back"):
            link.reconnect(1.5)
        assert time.monotonic() - began < 3


def test_what_it_advertises_may_have_changed(way: Way, tmp_path: Path) -> None:
    """Another system on the same phone; or the recovery's adbd."""
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        assert "shell_v2" in link.features
        phone.features = ANDROID_6
        phone.drop()
        link.reconnect(10)
        assert "shell_v2" not in link.features
        assert link.run(("sh", "-c", "exit 9")).status == 9


def test_reconnecting_to_a_phone_that_was_never_lost(way: Way, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        link.reconnect(5)
        assert link.run(("echo", "here")).out == b"here\n"


def test_a_detached_job_outlives_a_cut_connection(way: Way, tmp_path: Path) -> None:
    """The way in which benchmarks survive a pulled cable."""
    script = "setsid sh -c 'sleep 0.5; echo finished > result' </dev/null >/dev/null 2>&1 &"
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        link.run(("sh", "-c", script))
        phone.drop()
        link.reconnect(10)
        give_up = time.monotonic() + 5
        while link.stat("/result") is None:
            assert time.monotonic() < give_up
            time.sleep(0.05)


def test_a_foreground_command_dies_with_the_connection(way: Way, tmp_path: Path) -> None:
    """As on real phones, Android 6 and 9: hence the detached job."""
    with FakePhone(tmp_path) as phone:
        link = way(phone)
        cut = threading.Timer(0.3, phone.drop)
        cut.start()
        with pytest.raises(DeviceLost):
            link.run(("sh", "-c", "sleep 0.6; echo finished > result"), deadline_s=10)
        cut.join()
        time.sleep(0.6)     # an absence can only be waited for
        assert not (tmp_path / "result").exists()


def test_an_adb_server_that_was_ended_is_started_again(own_server: AdbServer, tmp_path: Path) -> None:
    """Android Studio does that, with an adb of another version."""
    with FakePhone(tmp_path / "phone") as phone:
        link = through_server(own_server)(phone)
        assert own_server.adb("kill-server")[0] == 0
        own_server.wait_until(listening=False)
        with pytest.raises(DeviceLost) as caught:
            link.run(("true",))
        assert "no adb server" in caught.value.why
        link.reconnect(20)
        assert link.run(("echo", "back")).out == b"back\n"
        assert launch.running(address(), Deadline.after(5))
        own_server.adb("kill-server")


def test_without_adb_a_server_that_was_ended_stays_so(own_server: AdbServer, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    with FakePhone(tmp_path / "phone") as phone:
        link = through_server(own_server)(phone)
        own_server.adb("kill-server")
        own_server.wait_until(listening=False)
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(DeviceError, match="did not come back"):
            link.reconnect(1)


def test_a_link_ends_no_server(own_server: AdbServer, tmp_path: Path) -> None:
    with FakePhone(tmp_path / "phone") as phone:
        link = through_server(own_server)(phone)
        link.run(("true",))
        link.close()
        assert own_server.adb("devices")[1].endswith("device")
        assert phone.address in own_server.adb("devices")[1]
