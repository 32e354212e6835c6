"""Every container, wrapping and number format that trainers write, loaded to the exact same network."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch.optim.swa_utils import AveragedModel

import ghostdeploy
from ghostdeploy.checkpoint.identify import open_checkpoint
from ghostdeploy.errors import (
    CheckpointContent,
    InputSizeRejected,
    UnknownModel,
    UsageError,
    WeightsMissing,
)
from tests import checkpoints
from tests.checkpoints import NAME, State, save

RAW, EMA = 0, 1


def prefixed(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


def timm_trainer(state: State) -> dict[str, Any]:
    """What timm's CheckpointSaver writes."""
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    return {"epoch": 3, "arch": NAME, "state_dict": state, "optimizer": optimizer, "version": 2, "metric": 77.1,
            "args": argparse.Namespace(lr=1e-3, opt="lamb")}


WRAPPINGS: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state},
    "model": lambda state: {"model": state, "epoch": 3, "best": 0.5},
    "timm": timm_trainer,
    "module.": lambda state: prefixed("module.", state),
    "_orig_mod.": lambda state: prefixed("_orig_mod.", state),
    "both prefixes": lambda state: {"model": prefixed("module._orig_mod.", state)},
    "lightning": lambda state: {"state_dict": prefixed("model.", state), "pytorch-lightning_version": "2.5"},
    "nested": lambda state: {"model": {"state_dict": state}, "optimizer": {}},
    "profiled": lambda state: {**state, "conv1.0.total_ops": torch.zeros(1, dtype=torch.float64)},
    "no counters": lambda state: {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrappings(tmp_path: Path, wrapping: str) -> None:
    loaded = ghostdeploy.load(save(tmp_path / "a.pth.tar", WRAPPINGS[wrapping](checkpoints.state())))
    assert (loaded.name, loaded.classes, loaded.weights.form, loaded.weights.ema) == (NAME, 7, "single", False)
    assert checkpoints.same_weights(loaded.module, checkpoints.network())


AVERAGES: dict[str, Callable[[State, State], Any]] = {
    "state_dict_ema": lambda raw, ema: {"state_dict": raw, "state_dict_ema": ema},
    "model_ema": lambda raw, ema: {"model": raw, "model_ema": ema},
    "ema": lambda raw, ema: {"model": raw, "ema": ema},
    "ema module": lambda raw, ema: {"model": raw, "ema": {"module": ema, "decay": 0.9999}},
    "prefixed": lambda raw, ema: {"model": prefixed("module.", raw), "model_ema": prefixed("module.", ema)},
}


@pytest.mark.parametrize("average", AVERAGES)
def test_an_average_inside_is_taken_unless_told_otherwise(tmp_path: Path, average: str) -> None:
    raw, ema = checkpoints.state(seed=RAW), checkpoints.state(seed=EMA)
    path = save(tmp_path / "a.pth", AVERAGES[average](raw, ema))
    for weights, seed in (("auto", EMA), ("ema", EMA), ("raw", RAW)):
        loaded = ghostdeploy.load(path, weights=weights)
        assert loaded.weights.ema == (seed == EMA)
        assert checkpoints.same_weights(loaded.module, checkpoints.network(seed=seed))


def test_torchs_own_averaged_model(tmp_path: Path) -> None:
    averaged = AveragedModel(checkpoints.network())
    averaged.update_parameters(checkpoints.network())
    path = save(tmp_path / "a.pth", {"model": checkpoints.state(), "model_ema": averaged.state_dict()})
    loaded = ghostdeploy.load(path)
    assert loaded.weights.ema
    assert checkpoints.same_weights(loaded.module, checkpoints.network())


def test_an_average_alone(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"state_dict_ema": checkpoints.state()})
    assert ghostdeploy.load(path).weights.ema
    with pytest.raises(CheckpointContent, match="no raw weights"):
        ghostdeploy.load(path, weights="raw")


def test_no_average_where_one_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(CheckpointContent, match="no ema weights"):
        ghostdeploy.load(save(tmp_path / "a.pth", {"state_dict": checkpoints.state(), "ema": 0.9999}), weights="ema")


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
def test_torch_containers(tmp_path: Path, options: dict[str, Any]) -> None:
    path = save(tmp_path / "a.pt", timm_trainer(checkpoints.state()), **options)
    opened = open_checkpoint(path)
    assert opened.stored.kind == ("legacy" if options else "zip")
    assert checkpoints.same_weights(ghostdeploy.load(path).module, checkpoints.network())


def test_safetensors_by_content_whatever_the_name(tmp_path: Path) -> None:
    for name in ("a.safetensors", "a.pth"):
        save_file(checkpoints.state(), tmp_path / name)
        assert checkpoints.same_weights(ghostdeploy.load(tmp_path / name).module, checkpoints.network())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_other_precisions_become_float32_and_are_named(tmp_path: Path, dtype: torch.dtype, suffix: str) -> None:
    narrow = {k: v.to(dtype) if v.is_floating_point() else v for k, v in checkpoints.state().items()}
    path = tmp_path / f"a{suffix}"
    save_file(narrow, path) if suffix == ".safetensors" else save(path, narrow)
    assert open_checkpoint(path).dtypes == (str(dtype).removeprefix("torch."),)
    module = ghostdeploy.load(path).module
    assert {value.dtype for value in module.parameters()} == {torch.float32}
    for key, value in module.state_dict().items():
        assert torch.equal(value, narrow[key].to(value.dtype)), key


def test_views_of_one_storage_are_as_good_as_tensors(tmp_path: Path) -> None:
    flat = torch.cat([value.flatten() for value in checkpoints.state().values() if value.is_floating_point()])
    views, at = {}, 0
    for key, value in checkpoints.state().items():
        if value.is_floating_point():
            views[key] = flat[at:at + value.numel()].view(value.shape)
            at += value.numel()
    loaded = ghostdeploy.load(save(tmp_path / "a.pth", views))
    assert checkpoints.same_weights(loaded.module, checkpoints.network())


def test_origin_is_recorded(tmp_path: Path) -> None:
    import hashlib

    path = save(tmp_path / "mine.pth", checkpoints.state())
    weights = ghostdeploy.load(path).weights
    assert (weights.kind, weights.file) == ("checkpoint", "mine.pth")
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_random_weights_are_the_same_each_time_and_leave_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = (ghostdeploy.load(model=NAME, random_weights=True) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.weights.kind == "random"
    assert first.weights.sha256 is None
    assert checkpoints.same_weights(first.module, second.module)
    assert not torch.equal(first.module.conv1[1].running_var, torch.ones(24))  # type: ignore[index, union-attr]


def test_input_sizes() -> None:
    loaded = ghostdeploy.load(model=NAME, random_weights=True, input_size=96)
    assert loaded.preprocessing.input_size == 96
    for name, size in (("squeezenet1_1", 8), ("deit_tiny_patch16_224", 96)):
        with pytest.raises(InputSizeRejected, match=str(size) if name[0] == "s" else "224"):
            ghostdeploy.load(model=name, random_weights=True, input_size=size)
    with pytest.raises(UsageError):
        ghostdeploy.load(model=NAME, random_weights=True, input_size=0)


def test_arguments_that_contradict_each_other(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", checkpoints.state())
    with pytest.raises(UsageError):
        ghostdeploy.load(path, random_weights=True)
    for copy in ("raw", "ema"):
        with pytest.raises(UsageError, match="--weights"):
            ghostdeploy.load(model=NAME, random_weights=True, weights=copy)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--model"):
        ghostdeploy.load(random_weights=True)
    with pytest.raises(WeightsMissing):
        ghostdeploy.load(model=NAME)
    with pytest.raises(WeightsMissing):
        ghostdeploy.load()
    with pytest.raises(UnknownModel, match="shuffle"):
        ghostdeploy.load(path, model="shufflenet")
