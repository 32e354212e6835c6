"""The module that a recipe trains: a card of the zoo in multi-branch form."""

from __future__ import annotations

import torch
from torch import nn

from ghostdeploy import zoo
from ghostdeploy.architecture import build
from ghostdeploy.errors import RecipeInvalid
from ghostdeploy.training.randomness import Use, seed_of
from ghostdeploy.training.recipe import ModelPart

# What timm builds of GhostNetV3 is the paper's training form.
OWN_FORM = ModelPart("", branches=3, scale=True, identity=True)


def training_form(part: ModelPart, classes: int, seed: int) -> nn.Module:
    """The module with initial weights that depend on `seed` alone, in training mode.

    Raises:
        UnknownModel: no such card.
        RecipeInvalid: the card cannot be had in the wanted form.
    """
    card = zoo.card(part.card)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, Use.WEIGHTS))
        module = build(card, classes)
    if (part.branches, part.scale, part.identity) != (OWN_FORM.branches, OWN_FORM.scale, OWN_FORM.identity):
        raise RecipeInvalid(f"{part.card} cannot be trained with {part.branches} branches", "", "")
    if hasattr(module, "drop_rate"):
        module.drop_rate = part.drop
    return module.train()
