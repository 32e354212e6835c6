"""Phones and adb servers for these tests; nothing here touches the machine's own adb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adb.adb_server import AdbServer, end, free_port
from tests.adb.ways import Way, direct, through_server

VARIABLES = ("ADB", "ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_ADB_SERVER_PORT", "ADB_VENDOR_KEYS",
             "ANDROID_HOME", "ANDROID_SDK_ROOT", "ANDROID_SERIAL")


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory whose key, once made, serves all tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, shared_home: Path) -> None:
    """No server, no keys, no SDK of whoever runs the tests."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(shared_home))


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    """One server for all tests that name their phone."""
    server = AdbServer(tmp_path_factory.mktemp("adb"), free_port())
    process = server.start()
    yield server
    end(process)


@pytest.fixture
def adb_server(shared_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> AdbServer:
    """That server, in our environment too."""
    for key, value in shared_server.environment.items():
        monkeypatch.setenv(key, value)
    return shared_server


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbServer]:
    """A fresh server, which lists only what the test attaches."""
    server = AdbServer(tmp_path / "adb", free_port())
    server.home.mkdir()
    for key, value in server.environment.items():
        monkeypatch.setenv(key, value)
    process = server.start()
    yield server
    end(process)


@pytest.fixture(params=["server", "direct"])
def way(request: pytest.FixtureRequest) -> Way:
    """How to reach a fake phone: every promise of `Link` holds for both ways."""
    if request.param == "direct":
        return direct
    return through_server(request.getfixturevalue("adb_server"))
