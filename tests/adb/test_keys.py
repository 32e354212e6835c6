"""adb's keys: reused, never overwritten, readable by nobody else; and accepted by whoever knows them."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ghostdeploy.device.adb import direct_link, keys
from ghostdeploy.phone_errors import AdbProblem, DeviceHung, DeviceLost, DeviceUnauthorized
from tests.adb.adb_server import AdbServer, end, free_port
from tests.adb.fake import FakePhone, Fault
from tests.adb.fake.trust import public_key
from tests.adb.ways import direct


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    return path


def test_a_key_is_made_for_this_user_only(home: Path) -> None:
    before = os.umask(0)
    try:
        (signer,) = keys.signers()
    finally:
        os.umask(before)
    private, public = home / ".android/adbkey", home / ".android/adbkey.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert public.read_bytes().split() == signer.GetPublicKey().split()
    assert sorted(path.name for path in private.parent.iterdir()) == ["adbkey", "adbkey.pub"]
    public_key(public.read_text())


def test_a_key_of_adb_s_making(own_server: AdbServer) -> None:
    """We derive the same public form from it as adb itself."""
    own_server.adb("devices")
    private = own_server.home / ".android/adbkey"
    assert keys._load(private).GetPublicKey().split()[0] == (private.parent / "adbkey.pub").read_bytes().split()[0]


def test_ours_is_what_adb_signs_with(tmp_path: Path, home: Path) -> None:
    """A server whose home holds our key; the phone knows no other."""
    (signer,) = keys.signers()
    server = AdbServer(home, free_port())
    process = server.start()
    try:
        with FakePhone(tmp_path / "phone", keys=[signer.GetPublicKey().decode()]) as phone:
            assert server.adb("connect", phone.address) == (0, f"connected to {phone.address}")
    finally:
        end(process)


def test_an_existing_key_is_used_and_left_as_it_is(home: Path, tmp_path: Path) -> None:
    (signer,) = keys.signers()
    before = {path: path.read_bytes() for path in (home / ".android").iterdir()}
    with FakePhone(tmp_path / "phone", keys=[signer.GetPublicKey().decode()]) as phone:
        assert direct(phone).run(("echo", "trusted")).out == b"trusted\n"
        assert phone.asked == []
    assert {path: path.read_bytes() for path in (home / ".android").iterdir()} == before


def test_two_processes_at_once_make_one_key(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [signer.GetPublicKey() for (signer,) in pool.map(lambda _: keys.signers(), range(4))]
    assert len(set(made)) == 1


@pytest.mark.parametrize("as_directory", [True, False])
def test_vendor_keys(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_directory: bool) -> None:
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    keys._create(vendor / "lab.adb_key")
    (vendor / "broken.adb_key").write_text("no key")
    monkeypatch.setenv("ADB_VENDOR_KEYS", f"/nowhere:{vendor if as_directory else vendor / 'lab.adb_key'}")
    own, lab = keys.signers()
    with FakePhone(tmp_path / "phone", keys=[lab.GetPublicKey().decode()]) as phone:
        assert direct(phone).run(("echo", "trusted")).out == b"trusted\n"
    assert own.GetPublicKey() != lab.GetPublicKey()


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_cannot_be_read_is_not_replaced(home: Path, content: bytes) -> None:
    path = home / ".android/adbkey"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(AdbProblem, match="is no RSA key") as caught:
        keys.signers()
    assert path.read_bytes() == content and f"move {path} away" in caught.value.next


def test_a_key_of_another_kind(home: Path) -> None:
    path = home / ".android/adbkey"
    path.parent.mkdir()
    path.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with pytest.raises(AdbProblem, match="is no RSA key"):
        keys.signers()


def test_a_home_that_cannot_be_written(home: Path) -> None:
    (home / ".android").write_text("a file in the way")
    with pytest.raises(AdbProblem, match="cannot be read or made") as caught:
        keys.signers()
    assert str(home / ".android") in caught.value.next


def test_a_phone_that_trusts_nobody(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without adb: the phone shows its question, and its owner does not answer."""
    monkeypatch.setattr(direct_link.DirectLink.__init__, "__kwdefaults__", {"deadline_s": 2.0})
    with FakePhone(tmp_path / "phone", keys=[]) as phone:
        with pytest.raises(DeviceUnauthorized) as caught:
            direct(phone)
        assert "Allow USB debugging" in caught.value.next
        assert phone.asked[0].split()[0] == keys.signers()[0].GetPublicKey().decode().split()[0]


def test_an_owner_who_accepts(home: Path, tmp_path: Path) -> None:
    with FakePhone(tmp_path / "phone", keys=[], accepts=True) as phone:
        assert direct(phone).run(("echo", "trusted")).out == b"trusted\n"
        assert len(phone.asked) == 1


@pytest.mark.parametrize(("stage", "what", "error"), [
    ("connect", "hang", DeviceHung), ("connect", "garbage", AdbProblem),
    ("auth", "cut", DeviceLost), ("auth", "hang", DeviceHung), ("auth", "garbage", AdbProblem)])
def test_faults_while_connecting(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, what: str,
                                 error: type[Exception]) -> None:
    monkeypatch.setattr(direct_link.DirectLink.__init__, "__kwdefaults__", {"deadline_s": 0.5})
    known = keys.signers()[0].GetPublicKey().decode()
    fault = Fault(stage, what)      # type: ignore[arg-type]
    with FakePhone(tmp_path / "phone", keys=[known], faults=[fault]) as phone:
        with pytest.raises(error):
            direct(phone)
        monkeypatch.undo()
        monkeypatch.setenv("HOME", str(home))
        assert direct(phone).run(("echo", "trusted")).out == b"trusted\n"
