"""`ghostdeploy doctor` on machines that lack something; phones it looks at are in tests/phone_bench."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ghostdeploy.doctor import machine
from tests.adb.adb_server import AdbServer
from tests.commands import Ended, ghostdeploy


def doctor(server: AdbServer, *words: str, **extra: str) -> Ended:
    """On a machine with a home of its own and no phone."""
    return ghostdeploy("doctor", *words, **{**server.environment, **extra})


def by_name(ended: Ended) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in ended.json["machine"] + ended.json["phone"]}


def test_no_phone_is_a_finding_with_the_way_out(own_server: AdbServer) -> None:
    ended = doctor(own_server)
    assert ended.code == 4 and "Traceback" not in ended.stderr
    assert "✗ phone: no phone is attached" in ended.stdout and "next: enable USB debugging" in ended.stdout
    found = by_name(doctor(own_server, "--json"))
    assert found["adb"]["verdict"] == "ok" and found["phone"]["verdict"] == "problem"
    assert all(check["next"] for check in found.values() if check["verdict"] == "problem")


def test_what_is_missing_is_named(own_server: AdbServer, tmp_path: Path) -> None:
    """Neither adb nor npm, and nothing fetched yet."""
    empty = {"PATH": str(tmp_path), "HOME": str(tmp_path), "GHOSTDEPLOY_CACHE": str(tmp_path / "cache"),
             "ADB_SERVER_SOCKET": "tcp:localhost:1"}
    found = by_name(doctor(own_server, "--json", **empty))
    assert (found["adb"]["verdict"], found["runtime-tflite"]["verdict"]) == ("remark", "problem")
    assert "apt-get install adb" in found["adb"]["next"] and "npm" in found["runtime-tflite"]["found"]
    assert found["runner"]["next"] == machine.FETCH


def test_an_adb_that_is_none(own_server: AdbServer) -> None:
    ended = doctor(own_server, "--json", ADB="/no/such/adb", ADB_SERVER_SOCKET="tcp:localhost:1")
    assert ended.code == 4 and "/no/such/adb" in by_name(ended)["adb"]["found"]


def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert machine.keys().verdict == "ok" and "none yet" in machine.keys().found
    key = tmp_path / ".android" / "adbkey"
    key.parent.mkdir()
    key.write_text("secret")
    key.chmod(0o644)
    assert machine.keys().verdict == "remark" and machine.keys().next == f"chmod 600 {key}"
    key.chmod(0o600)
    assert machine.keys().verdict == "ok"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GHOSTDEPLOY_CACHE", str(tmp_path / "not" / "yet"))
    assert machine.cache().verdict == "ok"
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    assert machine.cache().verdict == "problem" and "GHOSTDEPLOY_CACHE" in machine.cache().next


def test_udev(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(machine, "visible", lambda: ("Google Pixel",))
    monkeypatch.setattr(machine, "RULES", (tmp_path / "no", tmp_path))
    assert machine.udev().verdict == "remark" and "android-sdk-platform-tools-common" in machine.udev().next
    (tmp_path / "51-android.rules").touch()
    assert machine.udev().verdict == "ok"
