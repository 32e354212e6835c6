"""Bad input at the command line: one clear message with its code, no traceback, nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from ghostdeploy.cli.commands import SUMMARIES, command
from ghostdeploy.exporter import export as export_from
from ghostdeploy.loading import load
from tests.commands import Ended, environment, ghostdeploy
from tests.disks import small_disk

TINY = ("--model", "tests.tiny:factory", "--input-size", "32")


def export(tmp_path: Path, *arguments: str | Path) -> Ended:
    """An export that must fail and leave no output."""
    ended = ghostdeploy("export", *arguments, "-o", tmp_path / "out" / "bundle")
    assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []
    return ended


def test_missing_file(tmp_path: Path) -> None:
    ended = export(tmp_path, *TINY, "--checkpoint", tmp_path / "nothing.pth")
    ended.assert_clean_error("file-missing", 3)
    assert "nothing.pth" in ended.stderr


def test_wrong_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "notes.pth").write_text("not a checkpoint, but a diary\n" * 20)
    export(tmp_path, *TINY, "--checkpoint", tmp_path / "notes.pth").assert_clean_error("checkpoint-format", 3)


def test_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    ended = export(tmp_path, "--model", "ghostnetv3_10", "--random-weights")
    ended.assert_clean_error("model-unknown", 3)
    assert "ghostnetv3_100" in ended.stderr


@pytest.mark.parametrize("factory", ["nothing.here:factory", "tests.tiny:nothing", "tests.tiny:CLASSES"])
def test_a_factory_that_is_none(tmp_path: Path, factory: str) -> None:
    export(tmp_path, "--model", factory, "--random-weights").assert_clean_error("model-factory", 3)


def test_labels_that_do_not_fit(tmp_path: Path, tiny_checkpoint: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    ended = export(tmp_path, *TINY, "--checkpoint", tiny_checkpoint, "--labels", tmp_path / "labels.txt")
    ended.assert_clean_error("labels-mismatch", 3)
    assert "2 labels" in ended.stderr and "7 classes" in ended.stderr


def test_labels_that_are_no_text(tmp_path: Path, tiny_checkpoint: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\x00\x81")
    export(tmp_path, *TINY, "--checkpoint", tiny_checkpoint,
           "--labels", tmp_path / "labels.txt").assert_clean_error("file-unreadable", 3)


def test_unreadable_image(tmp_path: Path, tiny_checkpoint: Path) -> None:
    export_from(load(tiny_checkpoint, model="tests.tiny:factory"), tmp_path / "bundle", formats=("tflite",),
                input_size=32)
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 this stops here")
    ended = ghostdeploy("verify", tmp_path / "bundle", "--images", photos, "--checkpoint", tiny_checkpoint, "--model",
                        "tests.tiny:factory")
    ended.assert_clean_error("image-unreadable", 3)
    assert "broken.jpg" in ended.stderr


def test_output_directory_exists(tmp_path: Path, tiny_checkpoint: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("keep me")
    ended = ghostdeploy("export", *TINY, "--checkpoint", tiny_checkpoint, "-o", tmp_path / "mine")
    ended.assert_clean_error("bundle-exists", 3)
    assert (tmp_path / "mine" / "precious.txt").read_text() == "keep me"


def test_disk_full_while_writing(tmp_path: Path, tiny_checkpoint: Path) -> None:
    with small_disk(tmp_path, "64k") as disk:
        ended = ghostdeploy("export", *TINY, "--checkpoint", tiny_checkpoint, "-o", disk / "out")
        ended.assert_clean_error("write-failed", 3)
        assert os.listdir(disk) == []


class BesselHead(nn.Module):
    """Something no mobile backend has."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(self.stem(x)).mean((2, 3))


def bessel() -> nn.Module:
    return BesselHead().eval()


@pytest.mark.parametrize("format_", ["pte", "tflite"])
def test_an_operator_that_the_backend_lacks(tmp_path: Path, format_: str) -> None:
    ended = export(tmp_path, "--model", "tests.test_cli_errors:bessel", "--random-weights", "--input-size", "32",
                   "--format", format_)
    ended.assert_clean_error("operator-unsupported", 3)
    assert "bessel_j0" in ended.stderr


class Strict(nn.Module):
    """Takes 32 pixels and nothing else, as a transformer with learnt positions does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).reshape(1, 4)


def strict() -> nn.Module:
    return Strict().eval()


@pytest.mark.parametrize(("size", "code"), [("40", "model-input-size"), ("8", "model-input-size")])
def test_an_input_size_that_the_model_cannot_take(tmp_path: Path, size: str, code: str) -> None:
    ended = export(tmp_path, "--model", "tests.test_cli_errors:strict", "--random-weights", "--input-size", size)
    ended.assert_clean_error(code, 3)
    assert size in ended.stderr


@pytest.mark.parametrize("arguments", [("export", "--nothing"), ("export", "--target", "ios"), ("nothing",),
                                       ("export", "--precision", "int4", "--model", "x"), ("bench",),
                                       ("export", "--input-size", "0")])
def test_usage(arguments: tuple[str, ...]) -> None:
    ghostdeploy(*arguments).assert_clean_error("usage", 2)


def test_errors_as_json(tmp_path: Path) -> None:
    ended = ghostdeploy("verify", tmp_path / "nothing", "--json")
    assert ended.code == 3
    assert ended.json["error"]["code"] == "file-missing" and set(ended.json["error"]) >= {"what", "why", "next"}


def test_a_traceback_only_on_request(tmp_path: Path) -> None:
    ended = ghostdeploy("verify", tmp_path / "nothing", GHOSTDEPLOY_DEBUG="1")
    assert "Traceback" in ended.stderr


@pytest.mark.parametrize("words", [("models",), ("models", "--json"), ("inspect", "none.pth", "--json")])
def test_a_full_standard_output_is_named(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run([sys.executable, "-m", "ghostdeploy", *words], stdout=full, stderr=subprocess.PIPE,
                                 text=True, env=environment(), check=False)
    assert process.returncode == 3, process.stderr
    assert "Traceback" not in process.stderr
    assert f"[{'file-missing' if 'inspect' in words else 'write-failed'}]" in process.stderr


@pytest.mark.parametrize("command", sorted(SUMMARIES))
def test_every_command_has_help_with_an_example(command: str) -> None:
    ended = ghostdeploy(command, "--help")
    assert ended.code == 0 and "Example" in ended.stdout and f"ghostdeploy {command}" in ended.stdout
    assert "--json" in ended.stdout


def test_the_list_of_commands_says_of_each_what_it_says_itself() -> None:
    assert {name: " ".join(str(command(name).help).split("\n\n")[0].split()) for name in SUMMARIES} == SUMMARIES


def test_json_is_all_there_is_on_stdout(tiny_bundle: Path) -> None:
    ended = ghostdeploy("verify", tiny_bundle, "--json")
    assert json.loads(ended.stdout)["device"] == "local"


def test_names_of_artifacts_are_whole_in_a_narrow_terminal(tiny_bundle: Path) -> None:
    ended = ghostdeploy("verify", tiny_bundle, COLUMNS="80")
    assert "model.fp32.pte" in ended.stdout and "model.fp32.tflite" in ended.stdout
