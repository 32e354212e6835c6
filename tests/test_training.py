"""Training as a doubtful user would try it: killed at a step, fed what cannot be learnt from, taken to an artifact."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import ghostdeploy
from ghostdeploy.datasets.dataset import ImageFiles
from ghostdeploy.datasets.fetched import open_set
from ghostdeploy.errors import (
    CheckpointContent,
    CheckpointMismatch,
    FileMissing,
    ImageUnreadable,
    InputSizeRejected,
    UsageError,
)
from ghostdeploy.training import state
from ghostdeploy.training.images import order
from ghostdeploy.training.run import train
from ghostdeploy.training.trainer import Trained
from ghostdeploy.training_errors import (
    CompanionLost,
    DataMissing,
    DataUnusable,
    RecipeInvalid,
    ResumeMismatch,
    TrainingDiverged,
)
from tests.small_training import SAVED_EACH_STEP, recipe, recipe_text


@pytest.fixture(scope="module")
def whole(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run that nothing stopped."""
    return train(recipe(), tmp_path_factory.mktemp("whole") / "run", data=images, workers=0)


def test_a_run_leaves_weights_a_log_and_its_state(whole: Trained) -> None:
    assert (whole.step, whole.steps) == (9, 9)
    assert {path.name for path in whole.directory.iterdir()} == {
        "model.safetensors", "model.fp16.safetensors", "log.csv", "state.pt"}
    rows = (whole.directory / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "3", "6", "9"]
    assert whole.top1_ema is not None


def test_killed_and_resumed_a_run_ends_with_the_same_bits(images: Path, whole: Trained, tmp_path: Path) -> None:
    """SIGKILL, no chance to tidy up, with another number of loading processes before and after."""
    (tmp_path / "small.toml").write_text(recipe_text())
    command = [sys.executable, "-m", "ghostdeploy", "train", str(tmp_path / "small.toml"), "--data", str(images), "-o",
               str(tmp_path / "run"), "--workers", "1", "--set", SAVED_EACH_STEP]
    threads = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=threads) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "epoch 1 of 3" in line:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    again = train(recipe(), tmp_path / "run", data=images, resume=True, workers=0)
    assert again.step == 9
    for name in ("model.safetensors", "model.fp16.safetensors"):
        assert (again.directory / name).read_bytes() == (whole.directory / name).read_bytes()
    first, second = (state.load(run.directory, state.digest(recipe(), open_set(images).identity))
                     for run in (whole, again))
    assert all(torch.equal(value, second.model[key]) for key, value in first.model.items())
    assert all(torch.equal(value, second.optimiser["state"][key][name])
               for key, entry in first.optimiser["state"].items() for name, value in entry.items())


def test_a_run_stops_in_time_and_goes_on(images: Path, whole: Trained, tmp_path: Path) -> None:
    stopped = train(recipe(), tmp_path / "run", data=images, minutes=1e-6, workers=0)
    assert (stopped.step, stopped.weights) == (1, None)
    with pytest.raises(UsageError, match="holds a run already"):
        train(recipe(), tmp_path / "run", data=images, workers=0)
    done = train(recipe(), tmp_path / "run", data=images, resume=True, workers=0)
    assert (done.directory / "model.safetensors").read_bytes() == (whole.directory / "model.safetensors").read_bytes()


def command(images: Path, tmp_path: Path, output: str) -> list[str]:
    (tmp_path / "small.toml").write_text(recipe_text())
    return ["-m", "ghostdeploy", "train", str(tmp_path / "small.toml"), "--data", str(images), "-o",
            str(tmp_path / output), "--workers", "0"]


def test_processes_share_each_batch(images: Path, tmp_path: Path) -> None:
    """By torchrun, as on many machines, and by ourselves: one log, one set of weights, the same bits."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    for words in ([*torchrun, *command(images, tmp_path, "torchrun")],
                  [sys.executable, *command(images, tmp_path, "ours"), "--processes", "2"]):
        done = subprocess.run(words, capture_output=True, text=True, env=one_thread, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("epoch 3 of 3") == 1
    weights = tmp_path / "ours" / "model.safetensors"
    assert done.stdout.strip() == str(weights)
    assert ghostdeploy.load(weights).classes == 2
    assert weights.read_bytes() == (tmp_path / "torchrun" / "model.safetensors").read_bytes()


def test_a_process_that_is_lost_ends_the_run_and_says_why(images: Path, tmp_path: Path) -> None:
    """An image that only the second process reads, and cannot."""
    own = tmp_path / "images"
    shutil.copytree(images, own)
    split = open_set(own).train
    assert isinstance(split, ImageFiles)
    split.paths[order(len(split.labels), 0, 0)[1]].write_bytes(b"no image")
    done = subprocess.run([sys.executable, *command(own, tmp_path, "run"), "--processes", "2"], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == CompanionLost.exit_code, done.stderr
    assert "process 2 of 2 ended with status 3" in done.stderr and "image-unreadable" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_is_killed_takes_its_processes_along(images: Path, tmp_path: Path) -> None:
    words = [sys.executable, *command(images, tmp_path, "run"), "--processes", "2"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "epoch 1 of 3" in line:
                (companion,) = children(process.pid)
                process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while alive(companion):
        assert time.monotonic() < deadline, "it trains on alone"
        time.sleep(0.01)


def children(parent: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_goes_on_with_as_many_processes_as_it_began_with(images: Path, whole: Trained, tmp_path: Path) -> None:
    shutil.copytree(whole.directory, tmp_path / "run")
    kept = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    torch.save({**kept, "processes": 2}, tmp_path / "run" / "state.pt")
    with pytest.raises(ResumeMismatch, match="begun with 2 processes, not 1"):
        train(recipe(), tmp_path / "run", data=images, resume=True, workers=0)


def test_the_weights_are_the_average(whole: Trained) -> None:
    """As timm's average keeps it in the state: near the last weights, and not those."""
    kept = torch.load(whole.directory / "state.pt", weights_only=True)
    written = ghostdeploy.load(whole.directory / "model.safetensors").module.state_dict()
    learnt = [key for key in written if written[key].dtype.is_floating_point and "running" not in key]
    assert all(torch.equal(written[key], kept["average"][key]) for key in learnt)
    assert not all(torch.equal(written[key], kept["model"][key]) for key in learnt)
    assert whole.top1_ema in {number / 8 for number in range(9)}


def test_another_seed_gives_other_weights(images: Path, whole: Trained, tmp_path: Path) -> None:
    other = train(recipe("run.seed=1"), tmp_path / "run", data=images, workers=0)
    assert (other.directory / "model.safetensors").read_bytes() != (whole.directory / "model.safetensors").read_bytes()


def test_what_was_trained_is_known_again_and_exported(images: Path, whole: Trained, tmp_path: Path) -> None:
    """From the file alone: architecture, branches, classes, and how photos become inputs."""
    assert whole.weights is not None
    model = ghostdeploy.load(whole.weights)
    assert (model.name, model.classes, model.labels, model.preprocessing_from) == (
        "shufflenet_v2_x0_5", 2, ("cat", "cup"), "training")
    assert model.preprocessing.input_size == 32
    bundle = ghostdeploy.export(model, tmp_path / "bundle")
    assert (bundle.path / "labels.txt").read_text().split() == ["cat", "cup"]
    assert bundle.manifest["fusion"]["norms_after"] == 0
    with pytest.raises(CheckpointMismatch, match="not mobilenetv2_100"):
        ghostdeploy.load(whole.weights, model="mobilenetv2_100")


def test_a_run_can_start_from_trained_weights_of_other_classes(images: Path, whole: Trained, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for split in ("train", "test"):
        shutil.copytree(images / split, tmp_path / "data" / split)
        shutil.copytree(images / split / "cat", tmp_path / "data" / split / "third")
    settings = (f"model.start={whole.weights}", "model.card=shufflenet_v2_x0_5", "optimisation.epochs=1")
    with pytest.raises(RecipeInvalid, match="2 classes, the data 3"):
        train(recipe(*settings), tmp_path / "other", data=tmp_path / "data", workers=0)
    same = train(recipe(*settings), tmp_path / "same", data=images, workers=0)
    assert same.step == 3


@pytest.mark.parametrize("save_minutes", [0.0001, 60])
def test_a_run_that_diverges_stops_and_names_the_last_good_state(save_minutes: float, images: Path,
                                                                 tmp_path: Path) -> None:
    """The first step is a small one, the second leaves no number in the weights."""
    settings = ("optimisation.lr=1e30", "optimisation.optimiser=sgd", "optimisation.clip=0.0",
                "optimisation.warmup_epochs=1", "optimisation.warmup_lr=1e-4", f"run.save_minutes={save_minutes}")
    with pytest.raises(TrainingDiverged) as caught:
        train(recipe(*settings), tmp_path / "run", data=images, workers=0)
    kept = tmp_path / "run" / "state.pt"
    if save_minutes == 60:
        assert "nothing was saved yet" in caught.value.next
        assert not kept.exists()
    else:
        assert str(kept) in caught.value.next
        good = torch.load(kept, weights_only=True)
        assert good["step"] == 1
        assert all(bool(value.isfinite().all()) for value in good["model"].values())


def test_what_diverged_is_not_written_over_good_weights(images: Path, tmp_path: Path) -> None:
    """A look at the test images after each step: the first leaves good weights, after the second there are none."""
    settings = ("optimisation.lr=1e30", "optimisation.optimiser=sgd", "optimisation.clip=0.0", "optimisation.batch=24",
                "optimisation.warmup_epochs=1", "optimisation.warmup_lr=1e-4")
    with pytest.raises(TrainingDiverged):
        train(recipe(*settings), tmp_path / "run", data=images, workers=0)
    state_dict = ghostdeploy.load(tmp_path / "run" / "model.safetensors", weights="raw").module.state_dict()
    assert all(bool(value.isfinite().all()) for value in state_dict.values())
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize(("settings", "said"), [
    (["augmentation.auto=rnd-m9"], "augmentation.auto = 'rnd-m9'"),
    (["run.precision=fp16"], "fp16 needs a GPU"),
    (["optimisation.batch=1"], "batch = 1 does not fit --processes 1"),
    (["optimisation.batch=5", "augmentation.mixup=0.2"], "batch = 5 does not fit"),
], ids=lambda value: value[-1] if isinstance(value, list) else "")
def test_a_recipe_that_cannot_run_here_says_why(settings: list[str], said: str, images: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeInvalid, match=said) as caught:
        train(recipe(*settings), tmp_path / "run", data=images, workers=0)
    assert caught.value.next


def test_inputs_that_are_too_small_are_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputSizeRejected, match="3x32x32"):
        train(recipe("model.card=ghostnetv3_050"), tmp_path / "run", data=images, workers=0)


def test_other_images_under_the_same_names_are_other_data(images: Path, tmp_path: Path) -> None:
    shutil.copytree(images, tmp_path / "data")
    before = open_set(tmp_path / "data").identity
    shutil.copy(tmp_path / "data" / "train" / "cat" / "0.png", tmp_path / "data" / "train" / "cup" / "0.png")
    assert open_set(tmp_path / "data").identity != before


def test_a_start_counts_by_what_stands_in_it(whole: Trained, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    digests = []
    for content in (b"one", b"other", b"one"):
        start.write_bytes(content)
        digests.append(state.digest(recipe(f"model.start={start}"), "-"))
    assert digests[0] == digests[2] != digests[1]


def test_a_damaged_or_foreign_state_is_refused(images: Path, whole: Trained, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="nothing to resume"):
        train(recipe(), tmp_path / "none", data=images, resume=True, workers=0)
    shutil.copytree(whole.directory, tmp_path / "run")
    with pytest.raises(ResumeMismatch, match="another run"):
        train(recipe("optimisation.lr=1e-3"), tmp_path / "run", data=images, resume=True, workers=0)
    (tmp_path / "run" / "state.pt").write_bytes((whole.directory / "state.pt").read_bytes()[:5000])
    with pytest.raises(ResumeMismatch, match="cannot be read"):
        train(recipe(), tmp_path / "run", data=images, resume=True, workers=0)


def test_data_that_cannot_train_is_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="there is no data set"):
        train(recipe(), tmp_path / "run", data=tmp_path / "nowhere", workers=0)
    with pytest.raises(DataMissing, match="is no data set"):
        train(recipe(), tmp_path / "run", data=images / "train", workers=0)
    with pytest.raises(DataUnusable, match="24 training images"):
        train(recipe("optimisation.batch=25"), tmp_path / "run", data=images, workers=0)
    shutil.copytree(images, tmp_path / "more")
    (tmp_path / "more" / "train" / ".ipynb_checkpoints").mkdir()
    assert open_set(tmp_path / "more").classes == ("cat", "cup")
    (tmp_path / "more" / "train" / "dog").mkdir()
    with pytest.raises(DataUnusable, match="no training images of dog"):
        train(recipe(), tmp_path / "run", data=tmp_path / "more", workers=0)
    (tmp_path / "one" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "one" / "test" / "cat").mkdir(parents=True)
    with pytest.raises(DataUnusable, match="no images"):
        train(recipe(), tmp_path / "run", data=tmp_path / "one", workers=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("cached", ["true", "false"])
def test_a_teacher_changes_what_is_learnt(cached: str, images: Path, whole: Trained, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """And one whose answers are kept runs once, over all training images."""
    monkeypatch.setenv("GHOSTDEPLOY_CACHE", str(tmp_path / "cache"))
    settings = (f"distillation.teacher={whole.weights}", "distillation.alpha=1.0", f"distillation.cached={cached}",
                "optimisation.epochs=1")
    first = train(recipe(*settings), tmp_path / "first", data=images, workers=0)
    plain = train(recipe("optimisation.epochs=1"), tmp_path / "plain", data=images, workers=0)
    weights = [ghostdeploy.load(run.directory / "model.safetensors", weights="raw").module.state_dict()
               for run in (first, plain)]
    assert any(not torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    kept = list((tmp_path / "cache" / "teachers").rglob("answers.npy")) if cached == "true" else []
    assert len(kept) == (cached == "true")
    if kept:
        assert np.load(kept[0]).shape == (24, 2)


def test_a_hostile_note_is_refused(whole: Trained, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    assert whole.weights is not None
    tensors = load_file(whole.weights)
    for note in ("[]", "{", json.dumps({"schema_version": 2}), json.dumps({"schema_version": 1, "card": 3})):
        save_file(tensors, tmp_path / "bad.safetensors", {"ghostdeploy": note})
        with pytest.raises(CheckpointContent, match="note of a training run"):
            ghostdeploy.load(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_read_is_named(workers: int, images: Path, tmp_path: Path) -> None:
    shutil.copytree(images, tmp_path / "data")
    broken = tmp_path / "data" / "train" / "cat" / "3.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(ImageUnreadable, match=r"3\.png as an image$") as caught:
        train(recipe(), tmp_path / "run", data=tmp_path / "data", workers=workers)
    assert caught.value.next
