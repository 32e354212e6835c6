"""Every row of the table of conditions: a distinct error, and what the user is told to do.

With Debian's real adb server wherever a phone on TCP can be in that state; else with its own words.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ghostdeploy.device.adb import discover
from ghostdeploy.device.adb.discover import attached, open_link
from ghostdeploy.errors import DeviceNotFound
from ghostdeploy.phone_errors import (
    AdbProblem,
    DeviceAmbiguous,
    DeviceHung,
    DeviceNoPermission,
    DeviceOffline,
    DeviceUnauthorized,
)
from tests.adb.adb_server import AdbServer, free_port
from tests.adb.fake import FakePhone, Fault
from tests.adb.scripted_server import NO_PERMISSIONS, ScriptedServer


def scripted(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"tcp:127.0.0.1:{server.port}")


def test_no_phone_at_all(own_server: AdbServer) -> None:
    assert attached() == ()
    with pytest.raises(DeviceNotFound, match="no phone is attached") as caught:
        open_link(None)
    assert "enable USB debugging" in caught.value.next and "cable" in caught.value.next
    assert "--device local" in caught.value.next


def test_no_phone_but_something_on_usb(own_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone in charging mode is plugged in, and no adb device."""
    monkeypatch.setattr(discover, "visible", lambda: ("Google Pixel 9", "Logitech Mouse"))
    with pytest.raises(DeviceNotFound) as caught:
        open_link(None)
    assert "Google Pixel 9, Logitech Mouse" in caught.value.why


@pytest.mark.parametrize("named", [True, False])
def test_unauthorized(own_server: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    monkeypatch.setattr(discover, "SETTLE_S", 0.5)
    with FakePhone(tmp_path / "phone", keys=[]) as phone:
        own_server.adb("connect", phone.address)
        (found,) = attached()
        assert (found.serial, found.state) == (phone.address, "unauthorized")
        assert isinstance(found.problem, DeviceUnauthorized)
        with pytest.raises(DeviceUnauthorized) as caught:
            open_link(phone.address if named else None)
        assert "Allow USB debugging" in caught.value.next and "Revoke" in caught.value.next


def test_a_question_that_is_accepted(own_server: AdbServer, tmp_path: Path) -> None:
    """adb says `failed to authenticate` while the owner is still reading."""
    with FakePhone(tmp_path / "phone", keys=[], accepts=True) as phone:
        assert open_link(phone.address).run(("echo", "yes")).out == b"yes\n"


@pytest.mark.parametrize("named", [True, False])
def test_offline(own_server: AdbServer, tmp_path: Path, named: bool) -> None:
    with FakePhone(tmp_path / "phone") as phone:
        own_server.adb("connect", phone.address)
        phone.inject(Fault("connect", "hang", nth=0))
        phone.drop()
        give_up = time.monotonic() + 10
        while attached()[0].state != "offline":
            assert time.monotonic() < give_up
            time.sleep(0.05)
        (found,) = attached()
        assert isinstance(found.problem, DeviceOffline)
        assert "replug" in found.problem.next and "adb reconnect offline" in found.problem.next
        if not named:
            with pytest.raises(DeviceOffline):
                open_link(None)


def test_a_named_offline_phone_is_dialled_again(own_server: AdbServer, tmp_path: Path) -> None:
    """adb keeps phones on the network in its list when they go, and tries them every 10 s."""
    with FakePhone(tmp_path / "phone") as phone:
        own_server.adb("connect", phone.address)
        phone.unplug()
        give_up = time.monotonic() + 10
        while attached()[0].state != "offline":
            assert time.monotonic() < give_up
            time.sleep(0.05)
        phone.plug_in()
        assert open_link(phone.address).run(("echo", "yes")).out == b"yes\n"


def test_no_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = f"0123456789ABCDEF       {NO_PERMISSIONS} usb:1-4.2 transport_id:3\n"
    with ScriptedServer(listing) as server:
        scripted(monkeypatch, server)
        (found,) = attached()
        assert found.serial == "0123456789ABCDEF" and isinstance(found.problem, DeviceNoPermission)
        for name in (None, "0123456789ABCDEF", "usb:1-4.2"):
            with pytest.raises(DeviceNoPermission) as caught:
                open_link(name)
            assert "udev rules" in caught.value.why
            assert "android-sdk-platform-tools-common" in caught.value.next and "plugdev" in caught.value.next


def test_more_than_one(own_server: AdbServer, tmp_path: Path) -> None:
    with FakePhone(tmp_path / "a", model="Pixel_9") as one, FakePhone(tmp_path / "b", model="Galaxy_S24") as two:
        for phone in (one, two):
            own_server.adb("connect", phone.address)
        with pytest.raises(DeviceAmbiguous, match="2 phones") as caught:
            open_link(None)
        assert f"{one.address} (Pixel 9)" in caught.value.what and f"{two.address} (Galaxy S24)" in caught.value.what
        assert f"--device {one.address}" in caught.value.next or f"--device {two.address}" in caught.value.next
        assert open_link(two.address).serial == two.address


def test_one_that_is_there_and_one_that_went(own_server: AdbServer, tmp_path: Path) -> None:
    with FakePhone(tmp_path / "a") as here, FakePhone(tmp_path / "b") as away:
        for phone in (here, away):
            own_server.adb("connect", phone.address)
        away.unplug()
        give_up = time.monotonic() + 10
        while [found.state for found in attached()].count("offline") != 1:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        assert open_link(None).serial == here.address


def test_two_with_one_serial(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "0123456789ABCDEF       device usb:{} product:p model:m device:d transport_id:{}\n"
    with ScriptedServer(line.format("1-1", 1) + line.format("1-2", 2)) as server:
        scripted(monkeypatch, server)
        with pytest.raises(DeviceAmbiguous) as caught:
            open_link("0123456789ABCDEF")
        assert "--device usb:1-1" in caught.value.next and "usb:1-2" in caught.value.why


@pytest.mark.parametrize(("asked", "advice"), [("R58M12ABCDF", "did you mean --device R58M12ABCDE?"),
                                               ("emulator-5554", "--device local")])
def test_not_found(monkeypatch: pytest.MonkeyPatch, asked: str, advice: str) -> None:
    listing = "R58M12ABCDE            device usb:1-1 product:p model:SM_G991B device:d transport_id:1\n"
    with ScriptedServer(listing) as server:
        scripted(monkeypatch, server)
        with pytest.raises(DeviceNotFound, match=f"no device called {asked}") as caught:
            open_link(asked)
        assert "R58M12ABCDE (SM G991B)" in caught.value.why and advice in caught.value.next


@pytest.mark.parametrize("state", ["recovery", "sideload", "bootloader", "rescue"])
def test_a_phone_that_runs_no_android(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    with ScriptedServer(f"R58M12ABCDE            {state} usb:1-1 transport_id:1\n") as server:
        scripted(monkeypatch, server)
        with pytest.raises(DeviceOffline, match=state) as caught:
            open_link(None)
        assert "start the phone normally" in caught.value.next


def test_a_paired_phone_that_is_not_connected(own_server: AdbServer) -> None:
    with pytest.raises(AdbProblem) as caught:
        open_link("adb-R58M12ABCDE-x1y2z3._adb-tls-connect._tcp")
    assert "adb pair" in caught.value.next


def test_connect_answers_okay_and_means_no(own_server: AdbServer) -> None:
    """adb 29 and 34 end with status 0 when `connect` fails; only the text tells."""
    address = f"127.0.0.1:{free_port()}"
    assert own_server.adb("connect", address)[0] == 0
    with pytest.raises(DeviceNotFound, match=f"no phone answers at {address}") as caught:
        open_link(address)
    assert "Connection refused" in caught.value.why and "--device local" in caught.value.next


def test_a_hung_phone(adb_server: AdbServer, tmp_path: Path) -> None:
    """The server still lists it as usable."""
    with FakePhone(tmp_path) as phone:
        link = open_link(phone.address)
        phone.inject(Fault("open", "hang"))
        with pytest.raises(DeviceHung, match=r"within 0\.5 s") as caught:
            link.run(("true",), deadline_s=0.5)
        assert "restart" in caught.value.next


def test_a_hung_adb_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "LOOK_S", 0.5)
    with ScriptedServer(deaf=True) as server:
        scripted(monkeypatch, server)
        for call in (attached, lambda: open_link(None)):
            began = time.monotonic()
            with pytest.raises(AdbProblem, match="does not answer as an adb server") as caught:
                call()
            assert time.monotonic() - began < 3 and caught.value.next


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"OKAYzzzz", b"OKAYffff"])
def test_what_listens_there_is_no_adb_server(monkeypatch: pytest.MonkeyPatch, garbage: bytes) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with ScriptedServer(garbage=garbage) as server:
        scripted(monkeypatch, server)
        with pytest.raises(AdbProblem) as caught:
            open_link(None)
        assert caught.value.next


def test_every_condition_has_words_of_its_own() -> None:
    """No two share a code, or what to do."""
    from ghostdeploy.device.adb import problems
    from ghostdeploy.device.adb.listing import Entry

    entry = Entry("S", "device", None, "1-1")
    errors = [problems.nothing(()), problems.unauthorized("S"), problems.offline("S"), problems.busy("S", "busy"),
              problems.no_permission("S", "no"), problems.several([entry, entry]), problems.unknown("T", [entry])]
    assert len({error.next for error in errors}) == len(errors)
    assert len({error.code for error in errors}) == len(errors) - 1      # none at all, none of that name
