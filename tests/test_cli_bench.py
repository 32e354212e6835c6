"""`ghostdeploy bench` and `devices` as a user types them."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from ghostdeploy import schemas
from ghostdeploy.benchmark import load_all
from ghostdeploy.bundle.sums import listing
from ghostdeploy.cli.devices import Listed, render, words
from ghostdeploy.cli.options import counts
from ghostdeploy.cli.output import StageDisplay
from ghostdeploy.device.base import DeviceState
from ghostdeploy.device.local import LocalDevice
from tests.commands import Ended, ghostdeploy
from tests.small_artifacts import small

QUICK = ("--device", "local", "--runs", "20", "--rounds", "1")


def assert_told(ended: Ended, *, valid: bool) -> None:
    """Whether this machine was quiet enough is chance; what the command makes of it is not."""
    assert ended.code == (0 if valid else 5), ended.stderr
    assert ("[measurement-invalid]" in ended.stderr) is not valid
    assert "Traceback" not in ended.stderr


def test_a_bundle_is_measured_shown_and_saved(tiny_bundle: Path, tmp_path: Path) -> None:
    ended = ghostdeploy("bench", tiny_bundle, *QUICK, "--cpus", "1", "-o", tmp_path / "result.json")
    results = load_all(tmp_path / "result.json")
    assert_told(ended, valid=all(result.summary.valid for result in results))
    assert sorted(result.model.format for result in results) == ["pte", "tflite"]
    for result in results:
        assert result.model.file in ended.stdout
        assert result.protocol.golden and result.parity is not None and result.parity.passed
        assert [len(measured.samples_ns) for measured in result.rounds] == [20]
        assert all(measured.cpus == (0,) for measured in result.rounds)
        Draft202012Validator(schemas.result()).validate(result.document())


def test_json_is_the_whole_document() -> None:
    ended = ghostdeploy("bench", small("tflite").path, *QUICK, "--threads", "1,2", "--json")
    documents = ended.json["results"]
    assert ended.code == (0 if all(document["summary"]["valid"] for document in documents) else 5)
    assert [document["protocol"]["threads"] for document in documents] == [1, 2]
    assert [{r["threads"] for r in document["rounds"]} for document in documents] == [{1}, {2}]
    for document in documents:
        Draft202012Validator(schemas.result()).validate(document)
        assert document["parity"] is None and document["protocol"]["golden"] is False


def tampered(bundle: Path, target: Path) -> Path:
    """A bundle whose golden output is not what its artifact says; every hash still fits."""
    shutil.copytree(bundle, target)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["artifacts"] = [entry for entry in manifest["artifacts"] if entry["format"] == "tflite"]
    (target / "manifest.json").write_text(json.dumps(manifest))
    golden = target / manifest["golden"]["output"]
    output = np.load(golden)
    output[0, 0] += 0.01 * np.abs(output).max()
    np.save(golden, output)
    (target / "SHA256SUMS").write_text(listing(target))
    return target


def test_a_wrong_output_is_exit_5(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = tampered(tiny_bundle, tmp_path / "tampered")
    ended = ghostdeploy("bench", bundle, *QUICK)
    assert ended.code == 5 and "[measurement-invalid]" in ended.stderr and "Traceback" not in ended.stderr
    assert "invalid" in ended.stdout
    as_json = ghostdeploy("bench", bundle, *QUICK, "--json")
    assert as_json.code == 5
    assert as_json.json["summary"]["valid"] is False


@pytest.mark.parametrize(("arguments", "code", "exit_code"), [
    (("nothing", "--device", "local"), "file-missing", 3),
    ((".", "--device", "local"), "bundle-invalid", 3),
    (("{small}",), "device-not-found", 4),
    (("{small}", "--device", "R58M123ABC"), "device-not-found", 4),
    (("{small}", "--device", "local", "--cpus", "80000000"), "affinity-refused", 4),
    (("{small}", "--device", "local", "--cpus", "fastest"), "usage", 2),
    (("{small}", "--device", "local", "--threads", "two"), "usage", 2),
    (("{small}", "--device", "local", "--runs", "0"), "usage", 2),
    (("{small}", "--device", "local", "--keep-apps", "--every-ms", "nan"), "usage", 2),
    (("{small}", "--device", "local", "-o", "no/such/directory.json"), "write-failed", 3),
])
def test_errors(tmp_path: Path, arguments: tuple[str, ...], code: str, exit_code: int, nobody: dict[str, str]) -> None:
    filled = [argument.replace("{small}", str(small("tflite").path)) for argument in arguments]
    ended = ghostdeploy("bench", *filled, cwd=tmp_path, **nobody)
    ended.assert_clean_error(code, exit_code)
    if code == "device-not-found":
        assert "--device local" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_broken_artifact(tmp_path: Path) -> None:
    broken = tmp_path / "model.tflite"
    broken.write_bytes(small("tflite").path.read_bytes()[:2000])
    ghostdeploy("bench", broken, "--device", "local").assert_clean_error("artifact-rejected", 3)


def test_devices_lists_this_machine(nobody: dict[str, str]) -> None:
    ended = ghostdeploy("devices", "--json", **nobody)
    (device,) = ended.json["devices"]
    assert ended.code == 0 and device["serial"] == device["kind"] == "local" and device["cores"]
    assert device["problem"] is None and device["state"]["load"] >= 0


def test_devices_shows_the_state_of_each() -> None:
    device, stream = LocalDevice(), StringIO()
    state = DeviceState((2_000_000, 3_000_000, None), 61.4, 0.5, None)
    render(Console(file=stream, width=200), [Listed("local", device.describe(), state, None)])
    assert "local: load 0.5, clocks 2.00 to 3.00 GHz, temperature 61 °C\n" in stream.getvalue()
    assert "clocks unknown, temperature unknown" in words(DeviceState((None,), None, None, None))


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("path", ["out[final]/r.json", "out[/x]", "out[/]", "[bold]x"])
def test_brackets_in_paths_are_no_markup(path: str, terminal: bool) -> None:
    stream = StringIO()
    display = StageDisplay(Console(file=stream, width=200, force_terminal=terminal, color_system=None))
    display.stage(f"write {path}")
    display.note(path)
    display.finish()
    assert stream.getvalue().count(f"write {path}") >= 1 + (not terminal) and f"· {path}" in stream.getvalue()


def test_headings_are_whole(tiny_bundle: Path, tmp_path: Path) -> None:
    from ghostdeploy.bundle import open_bundle
    from ghostdeploy.cli import export, verify
    from ghostdeploy.verification import Verification

    shutil.copytree(tiny_bundle, tmp_path / "out[final]" / "[" / "x]")
    bundle, stream = open_bundle(tmp_path / "out[final]" / "[" / "x]"), StringIO()
    export.render(Console(file=stream, width=40), bundle)
    assert "out[final]/[/x]" in stream.getvalue()
    stream = StringIO()
    verify.render(Console(file=stream, width=40), Verification(bundle, "[/]phone", (), ()))
    assert "on [/]phone, 0 photos" in stream.getvalue()


def test_threads() -> None:
    assert counts("auto") == "auto" and counts("1, 2,2") == (1, 2)


@pytest.mark.parametrize(("arguments", "code"), [(("devices", "--nothing"), 2), (("verify", "nothing-here"), 3)])
def test_a_traceback_keeps_the_exit_code(arguments: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    from ghostdeploy.cli import main

    monkeypatch.setenv("GHOSTDEPLOY_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["ghostdeploy", *arguments])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert ended.value.code == code
    assert "Traceback" in capsys.readouterr().err
