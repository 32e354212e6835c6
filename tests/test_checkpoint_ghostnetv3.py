"""GhostNetV3 as the official repository and timm save it: either naming, either form, any number of classes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from timm.models.ghostnet import checkpoint_filter_fn

import ghostdeploy
from ghostdeploy import zoo
from ghostdeploy.architecture import deployed, skeleton
from ghostdeploy.checkpoint.identify import identify, open_checkpoint
from ghostdeploy.checkpoint.names import from_official
from tests import checkpoints
from tests.checkpoints import State, network, save

NAME, CLASSES = "ghostnetv3_050", 10


def official(state: State) -> State:
    """timm's names as the official repository's: the BatchNorm of a branch is called `bn`."""
    branch = re.compile(r"(\.(?:ghost\d\.\w+|dw)_rpr_[a-z]+(?:\.\d+)?)\.bn1\.")
    return {branch.sub(r"\1.bn.", key): value for key, value in state.items()}


@cache
def merged() -> torch.nn.Module:
    """The deployed form, merged by timm."""
    return deployed(network(NAME, CLASSES))


def test_the_rule_is_the_one_that_timm_applies() -> None:
    """Every official name of every width goes to the name that timm's own converter gives it, one to one."""
    for card in (card for card in zoo.cards() if card.family == "GhostNetV3"):
        module = skeleton(card)
        ours = module.state_dict()
        theirs = {key: key for key in official(ours)}
        assert {new: old for old, new in (from_official(theirs) or {}).items()} == checkpoint_filter_fn(theirs, module)
        assert sum(key not in ours for key in theirs) > 1000


@pytest.mark.parametrize("naming", ["official GhostNetV3", "library"])
def test_training_form(tmp_path: Path, naming: str) -> None:
    state = checkpoints.state(NAME, CLASSES)
    path = save(tmp_path / "a.pth.tar", {"state_dict": official(state) if naming.startswith("official") else state})
    known = identify(open_checkpoint(path)).recognised
    assert (known.card.name, known.form, known.naming, known.classes) == (NAME, "training", naming, CLASSES)
    loaded = ghostdeploy.load(path)
    assert loaded.weights.form == "training"
    assert checkpoints.same_weights(loaded.module, network(NAME, CLASSES))


def test_the_official_file_holds_both_copies_and_the_average_is_taken(tmp_path: Path) -> None:
    raw, ema = (official(checkpoints.state(NAME, CLASSES, seed)) for seed in (0, 1))
    path = save(tmp_path / "ghostnetv3-0.5.pth.tar", {"epoch": 600, "state_dict": raw, "state_dict_ema": ema})
    loaded = ghostdeploy.load(path)
    assert loaded.weights.ema
    assert checkpoints.same_weights(loaded.module, network(NAME, CLASSES, 1))
    assert checkpoints.same_weights(ghostdeploy.load(path, weights="raw").module, network(NAME, CLASSES, 0))


def test_deployed_form(tmp_path: Path) -> None:
    """A file of merged weights gives a merged module, which computes what the branches computed."""
    loaded = ghostdeploy.load(save(tmp_path / "a.pth", merged().state_dict()))
    assert (loaded.name, loaded.weights.form, loaded.classes) == (NAME, "deployed", CLASSES)
    assert checkpoints.same_weights(loaded.module, merged())
    assert checkpoints.difference(loaded.module, network(NAME, CLASSES)) < 1e-4


def test_deployed_form_in_another_order(tmp_path: Path) -> None:
    """The official deployed file has timm's names in another order: names decide, not order."""
    shuffled = dict(sorted(merged().state_dict().items(), key=lambda entry: entry[0][::-1]))
    loaded = ghostdeploy.load(save(tmp_path / "a.pth", shuffled))
    assert checkpoints.same_weights(loaded.module, merged())


@pytest.mark.parametrize("name", ["mobileone_s0", "repvgg_a0", "repvit_m0_9", "fastvit_t8", "repghostnet_100"])
def test_deployed_forms_of_other_families(tmp_path: Path, name: str) -> None:
    module = deployed(network(name, 5))
    loaded = ghostdeploy.load(save(tmp_path / "a.pth", module.state_dict()))
    assert (loaded.name, loaded.weights.form, loaded.classes) == (name, "deployed", 5)
    assert checkpoints.same_weights(loaded.module, module)
