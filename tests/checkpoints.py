"""Small real checkpoints for tests: a trained-looking ShuffleNetV2 0.5x of the zoo."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ghostdeploy import zoo
from ghostdeploy.architecture import build
from ghostdeploy.checkpoint.structure import is_counter
from tests.randomise import randomise_norms
from tests.tiny import factory

NAME = "shufflenet_v2_x0_5"
State = dict[str, Tensor]


@cache
def network(name: str = NAME, classes: int = 7, seed: int = 0) -> nn.Module:
    """A card's module with seeded weights and non-trivial BatchNorms. Shared: do not change it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return randomise_norms(build(zoo.card(name), classes), seed)


def state(name: str = NAME, classes: int = 7, seed: int = 0) -> State:
    """Its weights, as copies."""
    return OrderedDict((key, value.clone()) for key, value in network(name, classes, seed).state_dict().items())


def save(path: Path, content: Any, **options: Any) -> Path:
    """Save anything with torch, as trainers do."""
    torch.save(content, path, **options)
    return path


def same_weights(ours: nn.Module, theirs: nn.Module) -> bool:
    """Do two modules of one architecture hold exactly the same values? Counters apart, which no inference reads."""
    mine, yours = ({key: value for key, value in module.state_dict().items() if not is_counter(key)}
                   for module in (ours, theirs))
    return mine.keys() == yours.keys() and all(torch.equal(mine[key], yours[key]) for key in mine)


@torch.no_grad()
def difference(ours: nn.Module, theirs: nn.Module, size: int = 64) -> float:
    """max|difference| / max|theirs| of two modules' outputs for a fixed image."""
    torch.set_num_threads(1)
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    expected = theirs.eval()(image)
    return float((ours(image) - expected).abs().max() / expected.abs().max())


def tiny_file(path: Path, container: str) -> bytes:
    """A checkpoint of `tests.tiny:factory` as a `zip`, `legacy` or `safetensors` file."""
    if container == "safetensors":
        save_file(factory().state_dict(), path)
    else:
        save(path, factory().state_dict(), _use_new_zipfile_serialization=container == "zip")
    return path.read_bytes()
