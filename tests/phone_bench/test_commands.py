"""The commands as a user types them, against the real adbd, through Debian's adb server."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostdeploy.benchmark.sustained import LEAST_SLICES
from ghostdeploy.device.phone import place
from tests.commands import Ended, ghostdeploy, start
from tests.phone.adbd import RealPhone
from tests.phone.client import AdbClient
from tests.phone_bench.bench import until

ALLOWED = ("--allow", "EMULATOR,OTHER_LOAD")


class Typed:
    """A real phone, and commands about it."""

    def __init__(self, phone: RealPhone, adb: AdbClient) -> None:
        self.phone, self.adb = phone, adb
        mine = ("ADB_SERVER_SOCKET", "ADB_LOCAL_TRANSPORT_MAX_PORT")
        self.environment = {name: adb.environment[name] for name in mine}

    def __call__(self, *words: str | Path) -> Ended:
        return ghostdeploy(*words, **self.environment)

    def settings(self) -> dict[str, str]:
        """What must be the same before and after."""
        names = ("settings/global", "settings/secure", "settings/system", "fixed_performance", "props")
        return {name: "\n".join(sorted(self.phone.state(name).read_text().split("\n"))) for name in names}

    def left(self, folder: str) -> list[str]:
        """What lies in a directory of the phone."""
        path = self.phone.at(folder)
        return sorted(os.listdir(path)) if path.is_dir() else []


@pytest.fixture(scope="module")
def typed() -> Iterator[Typed]:
    with RealPhone() as phone, AdbClient() as adb:
        adb.connect(phone.serial)
        yield Typed(phone, adb)


def test_devices_and_doctor(typed: Typed) -> None:
    ended = typed("devices", "--json")
    local, phone = ended.json["devices"]
    assert ended.code == 0 and local["serial"] == "local" and phone["serial"] == typed.phone.serial
    assert phone["emulated"] and phone["abi"] == "arm64-v8a" and phone["state"]["thermal_status"] == 0
    assert "emulated" in typed("devices").stdout
    ended = typed("doctor", "--json")
    verdicts = {check["name"]: check["verdict"] for check in ended.json["machine"] + ended.json["phone"]}
    assert ended.code == 0 and "problem" not in verdicts.values()
    assert verdicts["adb"] == verdicts["page-size-tflite"] == verdicts["abi"] == "ok"


def test_doctor_finds_large_pages(typed: Typed) -> None:
    typed.phone.state("page_size").write_text("16384\n")
    try:
        ended = typed("doctor", "--device", typed.phone.serial)
    finally:
        typed.phone.state("page_size").write_text("4096\n")
    assert ended.code == 4 and "page-size-tflite: pages of 16384 bytes" in ended.stdout and "--runtime" in ended.stdout


def test_verify(typed: Typed, tiny_bundle: Path) -> None:
    ended = typed("verify", tiny_bundle, "--device", typed.phone.serial, "--json")
    assert ended.code == 0 and len(ended.json["artifacts"]) == 2
    assert all(entry["parity"]["max_rel_error"] <= 1e-5 for entry in ended.json["artifacts"])
    assert typed.left(place.RUNS) == []


def test_tune(typed: Typed, tmp_path: Path) -> None:
    """Both runtimes time both forms of a site there; emulated times are labelled in the profile."""
    words = ("tune", "--model", "tests.ghosts:five_taps", "--input-size", "8", "--device", typed.phone.serial, "--yes",
             "-o", tmp_path / "mine.json")
    typed(*words).assert_clean_error("device-not-ready", 4)      # EMULATOR
    before = typed.settings()
    ended = typed(*words, *ALLOWED, "--json")
    assert ended.code == 0, ended.stderr
    assert {site["format"] for site in ended.json["sites"]} == {"pte", "tflite"}
    assert all(site["plain"] > 0 and site["rewritten"] > 0 for site in ended.json["sites"])
    measured = ended.json["measured"]
    assert "emulated" in measured["device"] and set(measured["runtimes"]) == {"pte", "tflite"}
    assert typed.settings() == before and typed.left(place.RUNS) == []


def test_bench(typed: Typed, tiny_bundle: Path, tmp_path: Path) -> None:
    """The one attached phone is meant; the result is kept, and says that it means nothing."""
    before = typed.settings()
    ended = typed("bench", tiny_bundle, "--runs", "6", "--rounds", "1", "--sustained", "0.001", "--yes", *ALLOWED, "-o",
                  tmp_path / "r.json")
    assert ended.code == 5 and "Traceback" not in ended.stderr
    assert "emulated" in ended.stdout and "5 apps will be stopped" in ended.stderr
    results = json.loads((tmp_path / "r.json").read_text())["results"]
    assert {entry["runtime"]["name"] for entry in results} == {"executorch", "tflite"}
    assert all(entry["device"]["emulated"] and not entry["summary"]["valid"] for entry in results)
    assert all(entry["parity"]["max_rel_error"] <= 1e-5 for entry in results)
    assert all(condition["restored"] is not False for entry in results for condition in entry["conditions"])
    assert all(len(entry["sustained"]["slices"]) == LEAST_SLICES for entry in results)
    assert "without a pause" not in ended.stdout
    assert typed.settings() == before and typed.left(place.RUNS) == []
    for number in (entry["summary"]["median_ms"] for entry in results):
        assert f"{number:.2f}" not in ended.stdout      # an emulated time is never shown as a latency


def test_nobody_to_ask_and_findings_refuse(typed: Typed, tiny_bundle: Path) -> None:
    typed("bench", tiny_bundle, "--runs", "6").assert_clean_error("device-not-ready", 4)
    refused = typed("bench", tiny_bundle, "--runs", "6", *ALLOWED)
    if "apps would be stopped" not in refused.stderr:       # an earlier test may have stopped them all
        assert typed.phone.state("packages").read_text().count("stopped") >= 5
    else:
        refused.assert_clean_error("usage", 2)


def test_ctrl_c(typed: Typed, tiny_bundle: Path) -> None:
    before = typed.settings()
    process = start("bench", tiny_bundle, "--rounds", "9", "--keep-apps", *ALLOWED, **typed.environment)
    until(lambda: any("log" in typed.left(f"{place.RUNS}/{name}") for name in typed.left(place.RUNS)))
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "[interrupted]" in stderr and "Traceback" not in stderr
    assert typed.settings() == before and typed.left(place.RUNS) == []


def test_a_reboot(typed: Typed, tiny_bundle: Path) -> None:
    process = start("bench", tiny_bundle, "--rounds", "9", "--keep-apps", *ALLOWED, **typed.environment)
    until(lambda: any("log" in typed.left(f"{place.RUNS}/{name}") for name in typed.left(place.RUNS)))
    typed.phone.reboot()
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 4 and "[device-rebooted]" in stderr, stderr
