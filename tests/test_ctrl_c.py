"""Ctrl-C in each stage of each command: one message, exit code 130, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ghostdeploy.bundle.sums import listing
from ghostdeploy.exporter import export
from ghostdeploy.loading import load
from ghostdeploy.tuning import Profile
from tests.checkpoints import save, state
from tests.commands import ghostdeploy, start

STAGES = ("load the checkpoint", "run the checkpoint", "trace the graph", "fuse branches", "prove the fusion",
          "lower to .pte", "verify .pte", "lower to .tflite", "verify .tflite", "lower to .onnx", "verify .onnx",
          "write the bundle")


def interrupted_at(stage: str, *words: str | Path, cwd: Path) -> None:
    """SIGINT as soon as a command's log says that the stage has begun."""
    process = start(*words, cwd=cwd)
    assert process.stderr is not None
    assert any(f"… {stage}" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, rest
    assert "[interrupted]" in rest and "Traceback" not in rest


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_in_each_stage_leaves_nothing(stage: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    named = stage.rpartition(".")[2]
    format = named if named in ("pte", "onnx") else "tflite"      # the quick one, where it makes no difference
    interrupted_at(stage, "export", "--model", "tests.tiny:factory", "--checkpoint", tiny_checkpoint, "--input-size",
                   "224", "--format", format, "-o", tmp_path / "out", cwd=tmp_path)
    assert os.listdir(tmp_path) == []


SWALLOWING = """
import os, signal
from ghostdeploy import cli

def run():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass
    except KeyboardInterrupt:
        raise ImportError("initialization failed")

cli._run = run
cli.main()
"""


def test_ctrl_c_that_an_extension_swallows_is_still_one() -> None:
    """As pybind11 does with what is raised while a module of it is imported."""
    done = subprocess.run([sys.executable, "-c", SWALLOWING], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130 and "[interrupted]" in done.stderr and "ImportError" not in done.stderr


def test_ctrl_c_while_tuning_keeps_what_was_measured(tmp_path: Path) -> None:
    words = ("tune", "--model", "tests.ghosts:small", "--input-size", "8", "--format", "tflite")
    interrupted_at("measure site 3", *words, "-o", "mine.json", cwd=tmp_path)
    assert os.listdir(tmp_path) == ["mine.json.partial"]
    known = Profile.load(tmp_path / "mine.json.partial").sites
    assert len(known) == 2
    gone_on = ghostdeploy(*words, "--add-to", "mine.json.partial", "-o", "mine.json", cwd=tmp_path)
    assert gone_on.code == 0, gone_on.stderr
    assert os.listdir(tmp_path) == ["mine.json"]
    assert Profile.load(tmp_path / "mine.json").sites[:2] == known


def test_ctrl_c_while_the_model_is_built(tmp_path: Path) -> None:
    interrupted_at("build the model", "export", "--model", "ghostnet_050", "--random-weights", "-o", tmp_path / "out",
                   cwd=tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("stage", ["read the checkpoint", "recognise the architecture", "try the fusion"])
def test_ctrl_c_while_inspecting(stage: str, tmp_path: Path) -> None:
    checkpoint = save(tmp_path / "ghostnet.pth", state("ghostnet_050", classes=1000))
    interrupted_at(stage, "inspect", checkpoint, cwd=tmp_path)
    assert os.listdir(tmp_path) == [checkpoint.name]


@pytest.fixture(scope="module")
def bundle(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundle") / "tiny"
    export(load(tiny_checkpoint, model="tests.tiny:factory"), directory, formats=("tflite",), input_size=64)
    return directory


@pytest.mark.parametrize("stage", ["open the bundle", "ask the checkpoint", "run model"])
def test_ctrl_c_while_verifying(stage: str, bundle: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    before = listing(bundle)
    interrupted_at(stage, "verify", bundle, "--checkpoint", tiny_checkpoint, "--model", "tests.tiny:factory",
                   cwd=tmp_path)
    assert listing(bundle) == before and os.listdir(tmp_path) == []
