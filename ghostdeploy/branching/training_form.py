"""`reparam`: a model in training form, its depthwise and pointwise convolutions sums of branches. `fuse` undoes it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from ghostdeploy.branching import ghostnetv3
from ghostdeploy.branching.branches import Branches, Shape
from ghostdeploy.branching.sites import Kept, Site, activation, sites
from ghostdeploy.branching.statistics import take_statistics
from ghostdeploy.errors import UsageError


@dataclass(frozen=True)
class Reparameterised:
    """A model in training form; what became branches, and what did not and why."""

    module: nn.Module
    sites: tuple[Site, ...]
    kept: tuple[Kept, ...]


def reparam(module: nn.Module, example: torch.Tensor, *, branches: int = 3, scale: bool = True, identity: bool = True,
            silent: bool = True) -> Reparameterised:
    """A copy of `module` whose depthwise and pointwise convolutions with a BatchNorm are sums of branches.

    Args:
        module: any module of one tensor argument; not modified. GhostNetV3 comes out in timm's own training form.
        example: an input, batch first. Its values matter where trained branches are merged or a deployed GhostNetV3
            gets them back: the BatchNorms made there take its statistics, so that it should be a batch of real images.
        branches: copies of each convolution, each with a BatchNorm; 0 for none of any kind.
        scale: a 1x1 depthwise branch beside each depthwise convolution.
        identity: a BatchNorm of the input itself, where shapes allow.
        silent: new branches begin at gamma 0, so that a trained model computes what it did. Not wanted from scratch.
            Branches of `module` stay where they are those wanted, and are merged first where they are not.

    Returns:
        The copy, in training mode, and an account. New weights depend on torch's seed.

    Raises:
        UsageError: `branches` is negative.
        ExportFailed, InputSizeRejected: the module cannot be traced.
    """
    if branches < 0:
        raise UsageError(f"{branches} branches are not possible", "", "give 0 or more; the paper found 3 best")
    shape = Shape(branches, scale, identity)
    made = copy.deepcopy(module)
    if ghostnetv3.is_one(made):
        take_statistics(made, ghostnetv3.set_branches(made, shape, silent=silent), example)
        return Reparameterised(made.train(), (), ())
    take_statistics(made, _merge_others(made, shape), example)
    present = tuple(f"{name}." for name, part in made.named_modules() if isinstance(part, Branches))
    if not branches:
        return Reparameterised(made.train(), (), ())
    found, kept = sites(made, example[:1])
    new = tuple(site for site in found if not site.conv.startswith(present))
    for site in new:
        _replace(made, site, shape, silent=silent)
    return Reparameterised(made.train(), new, tuple(each for each in kept if not each.conv.startswith(present)))


def _merge_others(module: nn.Module, shape: Shape) -> list[nn.BatchNorm2d]:
    """Merge branches of other shapes in place; the BatchNorms that stand for them."""
    others = [(name, part) for name, part in module.named_modules()
              if isinstance(part, Branches) and part.shape != shape]
    norms = []
    for name, part in others:
        conv, norm = part.merged()
        _put(module, name, nn.Sequential(conv, norm))
        norms.append(norm)
    return norms


def _replace(module: nn.Module, site: Site, shape: Shape, *, silent: bool) -> None:
    conv, norm = module.get_submodule(site.conv), module.get_submodule(site.norm)
    rest = activation(norm)
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert rest is not None
    _put(module, site.conv, Branches(conv, norm, shape, silent=silent))
    _put(module, site.norm, rest)


def _put(module: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, attribute = name.rpartition(".")
    setattr(module.get_submodule(parent), attribute, new)
