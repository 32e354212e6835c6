"""Finding adb, starting its server, and never ending one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostdeploy.device.adb import launch
from ghostdeploy.device.adb.deadline import Deadline
from ghostdeploy.device.adb.discover import attached, open_link
from ghostdeploy.device.adb.server_address import Address, address
from ghostdeploy.phone_errors import AdbProblem
from tests.adb.adb_server import AdbServer, free_port
from tests.adb.fake import FakePhone


@pytest.fixture
def absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbServer]:
    """The address of a server that nobody started yet; what a test starts there is ended."""
    server = AdbServer(tmp_path / "adb", free_port())
    server.home.mkdir()
    for key, value in server.environment.items():
        monkeypatch.setenv(key, value)
    yield server
    server.adb("kill-server")


def program(directory: Path, script: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "adb"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def real() -> str:
    found = shutil.which("adb")
    assert found, "these tests need Debian's adb"
    return found


@pytest.mark.parametrize("variable", ["ADB", "PATH", "ANDROID_HOME", "ANDROID_SDK_ROOT"])
def test_a_server_is_started(absent: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """From wherever adb is; phones can be used at once."""
    adb = program(tmp_path / "sdk/platform-tools", f'exec {real()} "$@"')
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv(variable, {"ADB": str(adb), "PATH": str(adb.parent)}.get(variable, str(tmp_path / "sdk")))
    with FakePhone(tmp_path / "phone") as phone:
        assert open_link(phone.address).transport == f"adb server localhost:{absent.port}"
        assert [found.serial for found in attached()] == [phone.address]


def test_the_address_may_be_numeric(absent: AdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """adb 29 calls 127.0.0.1 a remote host and does not start a server there."""
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"tcp:127.0.0.1:{absent.port}")
    assert launch.ensure(address(), Deadline.after(20))


def test_the_older_variables(absent: AdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADB_SERVER_SOCKET")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(absent.port))
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "127.0.0.1")
    assert launch.ensure(address(), Deadline.after(20))
    assert absent.adb("devices")[0] == 0


def test_a_running_server_is_used_and_left_running(own_server: AdbServer, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """No adb is needed, and none is run."""
    monkeypatch.setenv("ADB", str(program(tmp_path / "tools", f"touch {tmp_path}/ran")))
    with FakePhone(tmp_path / "phone") as phone:
        with_it = open_link(phone.address)
        with_it.run(("true",))
        with_it.close()
    assert attached()
    assert not (tmp_path / "ran").exists()


def test_nothing_ever_ends_a_server() -> None:
    """Other programs use it: the words occur in advice only."""
    sources = Path(launch.__file__).parent.glob("*.py")
    assert not [path.name for path in sources if "host:kill" in path.read_text()]


def test_no_adb_anywhere(absent: AdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert launch.client() is None
    assert launch.ensure(address(), Deadline.after(5)) is False


def test_adb_names_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADB", "/no/such/adb")
    with pytest.raises(AdbProblem, match="ADB is /no/such/adb") as caught:
        launch.client()
    assert caught.value.next


@pytest.mark.parametrize(("script", "said"), [
    ("echo 'cannot open /tmp/adb.0.log: Permission denied' >&2; exit 1", "Permission denied"),
    ("exit 0", ""),
    ("sleep 60", ""),
], ids=["fails", "lies", "hangs"])
def test_a_server_that_does_not_start(absent: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str,
                                      said: str) -> None:
    monkeypatch.setenv("ADB", str(program(tmp_path / "broken", script)))
    monkeypatch.setattr(launch, "START_S", 0.5)
    with pytest.raises(AdbProblem, match="did not start the adb server") as caught:
        open_link(None)
    assert said in caught.value.why and "start-server" in caught.value.next


def test_a_server_elsewhere_is_not_started_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADB", str(program(tmp_path, f"touch {tmp_path}/ran")))
    with pytest.raises(AdbProblem, match="no adb server answers") as caught:
        launch.ensure(Address("127.0.0.2", free_port()), Deadline.after(5))
    assert "another machine" in caught.value.why and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, Address("127.0.0.1", 5037)),
    ({"ANDROID_ADB_SERVER_PORT": "5099"}, Address("127.0.0.1", 5099)),
    ({"ANDROID_ADB_SERVER_ADDRESS": "10.0.0.2", "ANDROID_ADB_SERVER_PORT": "5099"}, Address("10.0.0.2", 5099)),
    ({"ADB_SERVER_SOCKET": "tcp:5099", "ANDROID_ADB_SERVER_PORT": "1"}, Address("127.0.0.1", 5099)),
    ({"ADB_SERVER_SOCKET": "tcp:build.lan:5099"}, Address("build.lan", 5099)),
    ({"ADB_SERVER_SOCKET": "tcp:[::1]:5099"}, Address("::1", 5099)),
    ({"ADB_SERVER_SOCKET": "localfilesystem:/run/adb.sock"}, Address("", 0, "/run/adb.sock")),
])
def test_the_server_s_address(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: Address) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert address() == expected


@pytest.mark.parametrize("environment", [
    {"ADB_SERVER_SOCKET": "vsock:1:2"}, {"ADB_SERVER_SOCKET": "tcp:"}, {"ADB_SERVER_SOCKET": "tcp:host:port"},
    {"ADB_SERVER_SOCKET": "localfilesystem:"}, {"ANDROID_ADB_SERVER_PORT": "0"}, {"ANDROID_ADB_SERVER_PORT": "70000"},
    {"ANDROID_ADB_SERVER_PORT": "²"},
])
def test_an_address_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(AdbProblem) as caught:
        address()
    assert next(iter(environment)) in caught.value.what and "unset" in caught.value.next


def test_a_server_on_a_socket_in_the_file_system(absent: AdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As adb itself takes it in ADB_SERVER_SOCKET."""
    spec = f"localfilesystem:{absent.home}/socket"
    monkeypatch.setenv("ADB_SERVER_SOCKET", spec)
    try:
        assert launch.ensure(address(), Deadline.after(20))
        assert attached() == ()
    finally:
        absent.adb("-L", spec, "kill-server")
