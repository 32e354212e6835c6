"""The module that a recipe trains: a card of the zoo in multi-branch form."""

from __future__ import annotations

import torch
from torch import nn

from ghostdeploy import zoo
from ghostdeploy.architecture import build
from ghostdeploy.branching import reparam
from ghostdeploy.calling import call
from ghostdeploy.loading import load
from ghostdeploy.trace import evaluating
from ghostdeploy.training.randomness import Use, seed_of
from ghostdeploy.training.recipe import ModelPart
from ghostdeploy.training_errors import RecipeInvalid


def training_form(part: ModelPart, classes: int, example: torch.Tensor, seed: int) -> nn.Module:
    """The module in training mode; initial weights depend on `seed` alone, or are those that the recipe starts with.

    `example` is a batch of inputs; see `reparam`.

    Raises:
        UnknownModel: no such card.
        RecipeInvalid: the start is of another architecture, or the model has no dropout to set.
        InputSizeRejected: the model cannot take inputs of the example's size.
        The errors of `ghostdeploy.load`: about the file to start with.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, Use.WEIGHTS))
        module = _started(part, classes) if part.start else build(zoo.card(part.card), classes)
        with evaluating(module), torch.no_grad():
            call(module, example[:1])
        module = reparam(module, example, branches=part.branches, scale=part.scale, identity=part.identity,
                         silent=bool(part.start)).module
    if hasattr(module, "drop_rate"):
        setattr(module, "drop_rate", part.drop)  # noqa: B010 - timm's own switch, untyped
    elif part.drop:
        raise RecipeInvalid(f"{part.card} has no dropout to set to {part.drop}", "", "leave model.drop out")
    return module


def _started(part: ModelPart, classes: int) -> nn.Module:
    found = load(part.start, model=part.card)
    if found.classes != classes:
        reset = getattr(found.module, "reset_classifier", None)
        if reset is None:
            raise RecipeInvalid(f"{part.start} has {found.classes} classes, the data {classes}",
                                f"{part.card} cannot change its classifier", "start with a checkpoint of these classes")
        reset(classes)
    return found.module
