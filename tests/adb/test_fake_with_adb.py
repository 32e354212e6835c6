"""Debian's own adb talks to the fake phone: it is held to what real clients expect, so that it cannot drift."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.adb.adb_server import AdbServer
from tests.adb.fake import ANDROID_6, MODERN, FakePhone

FEATURES = pytest.mark.parametrize("features", [MODERN, ANDROID_6], ids=["modern", "android-6"])


def test_it_is_listed_with_its_model(own_server: AdbServer, tmp_path: Path) -> None:
    with FakePhone(tmp_path, model="Pixel_9") as phone:
        assert own_server.adb("connect", phone.address) == (0, f"connected to {phone.address}")
        _, said = own_server.adb("devices", "-l")
        assert f"{phone.address}" in said and " device " in said and "model:Pixel_9" in said


def test_exit_status_and_both_streams(adb_server: AdbServer, tmp_path: Path) -> None:
    with FakePhone(tmp_path) as phone:
        adb_server.adb("connect", phone.address)
        status, said = adb_server.adb("-s", phone.address, "shell", "echo out; echo err >&2; exit 7")
        assert (status, sorted(said.split())) == (7, ["err", "out"])


def test_android_6_loses_the_exit_status(adb_server: AdbServer, tmp_path: Path) -> None:
    """Observed on a real one: `adb shell 'exit 7'` ends with 0."""
    with FakePhone(tmp_path, features=ANDROID_6, crlf=True) as phone:
        adb_server.adb("connect", phone.address)
        assert adb_server.adb("-s", phone.address, "shell", "echo out; exit 7") == (0, "out")


@FEATURES
@pytest.mark.parametrize("max_data", [1 << 20, 4096])
def test_files_go_there_and_back(adb_server: AdbServer, tmp_path: Path, features: tuple[str, ...],
                                 max_data: int) -> None:
    here, back = tmp_path / "here", tmp_path / "back"
    here.write_bytes(os.urandom(1_000_003))
    here.chmod(0o750)
    with FakePhone(tmp_path / "phone", features=features, max_data=max_data) as phone:
        adb_server.adb("connect", phone.address)
        assert adb_server.adb("-s", phone.address, "push", str(here), "/data/local/tmp/there")[0] == 0
        assert (tmp_path / "phone/data/local/tmp/there").read_bytes() == here.read_bytes()
        assert (tmp_path / "phone/data/local/tmp/there").stat().st_mode & 0o777 == 0o777     # adbd widens: 7 for all
        assert adb_server.adb("-s", phone.address, "pull", "/data/local/tmp/there", str(back))[0] == 0
        assert back.read_bytes() == here.read_bytes()
        _, said = adb_server.adb("-s", phone.address, "ls", "/data/local/tmp")
        assert said.split()[-1] == "there"


def test_a_path_below_a_file_is_refused(adb_server: AdbServer, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.write_bytes(bytes(100))
    with FakePhone(tmp_path / "phone", features=ANDROID_6) as phone:     # newer ones tell adb so before it sends
        (phone.root / "data/local/tmp/file").touch()
        adb_server.adb("connect", phone.address)
        status, said = adb_server.adb("-s", phone.address, "push", str(here), "/data/local/tmp/file/below")
        assert status == 1 and "couldn't create file" in said


def test_adbs_key_is_accepted(own_server: AdbServer, tmp_path: Path) -> None:
    """A signature of adb's own making, checked by the fake; and one that it does not know."""
    own_server.adb("devices")
    key = (own_server.home / ".android/adbkey.pub").read_text()
    with FakePhone(tmp_path / "a", keys=[key]) as trusting, FakePhone(tmp_path / "b", keys=[]) as strict:
        assert own_server.adb("connect", trusting.address) == (0, f"connected to {trusting.address}")
        assert own_server.adb("connect", strict.address) == (0, f"failed to authenticate to {strict.address}")
        assert "unauthorized" in own_server.adb("-s", strict.address, "shell", "true")[1]
        assert strict.asked[0].split()[0] == key.split()[0]


