"""GhostNetV3's branches, in the form and under the names that timm gives them.

timm builds the training form with three branches everywhere. Other numbers of branches are the same module with fewer
or more of them; the deployed form goes back into branches with its weights in the first one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ghostdeploy.branching.branches import Shape


class Nothing(nn.Module):
    """A branch that is left out of timm's sums: nothing is added, and there are no tensors of its own."""

    def forward(self, x: Tensor) -> int:
        """The number 0, whatever `x` is: a tensor of zeros would have to be written to every artifact."""
        return 0


def is_one(module: nn.Module) -> bool:
    """Is it timm's GhostNetV3?"""
    return any(_is(part, "GhostModuleV3") for part in module.modules())


def set_branches(module: nn.Module, shape: Shape, *, silent: bool) -> list[nn.BatchNorm2d]:
    """Give every re-parameterisable convolution of `module` the branches of `shape`, in place.

    In deployed form the one convolution becomes the first branch, whose BatchNorm changes nothing in evaluation mode;
    those are returned, since they have no statistics yet. In training form, branches that are there keep their values;
    where `silent` wants what was trained to stay, and `shape` has not all of them, they are merged first.
    """
    neutral: list[nn.BatchNorm2d] = []
    if silent and _drops_branches(module, shape):
        _merge(module)
    if any(getattr(part, "infer_mode", False) for part in module.modules()):
        module.requires_grad_(True)     # timm's merging switches it off for all parameters
    for part in list(module.modules()):
        if _is(part, "GhostModuleV3"):
            neutral += _set_module(part, shape, silent=silent)
        elif _is(part, "GhostBottleneckV3"):
            neutral += _set_strided(part, shape, silent=silent)
    return neutral


def _drops_branches(module: nn.Module, shape: Shape) -> bool:
    every: Iterable[Any] = module.modules()
    modules = [part for part in every if _is(part, "GhostModuleV3") and not part.infer_mode]
    return any(part.num_conv_branches > max(1, shape.copies)
               or (_present(part.cheap_rpr_scale) and not (shape.copies and shape.scale))
               or (_present(part.cheap_rpr_skip) and not (shape.copies and shape.identity)) for part in modules)


def _present(branch: nn.Module | None) -> bool:
    return branch is not None and not isinstance(branch, Nothing)


def _merge(module: nn.Module) -> None:
    """timm's own merging, in place; it takes None for a branch that is left out."""
    for part in list(module.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, Nothing):
                setattr(part, name, None)
    every: list[Any] = list(module.modules())
    for part in every:
        if _is(part, "GhostModuleV3") or _is(part, "GhostBottleneckV3"):
            part.reparameterize()


def _is(part: nn.Module, name: str) -> bool:
    return type(part).__name__ == name


def _set_module(part: Any, shape: Shape, *, silent: bool) -> list[nn.BatchNorm2d]:
    """The BatchNorms that were made for convolutions which had none."""
    made = []
    if part.infer_mode:
        made = primary, cheap = [_branch(conv[0]) for conv in (part.primary_conv, part.cheap_operation)]
        part.primary_conv, part.cheap_operation = nn.Identity(), nn.Identity()
        part.primary_rpr_conv, part.cheap_rpr_conv = nn.ModuleList([primary]), nn.ModuleList([cheap])
        part.primary_rpr_skip = part.primary_rpr_scale = part.cheap_rpr_scale = part.cheap_rpr_skip = None
        part.infer_mode = False
    _set_copies(part, ("primary_rpr_conv", "cheap_rpr_conv"), shape, silent=silent)
    cheap = part.cheap_rpr_conv[0].conv
    part.cheap_rpr_scale = _chosen(shape.copies > 0 and shape.scale, part.cheap_rpr_scale,
                                   lambda: _scale(cheap, silent=silent))
    part.cheap_rpr_skip = _chosen(shape.copies > 0 and shape.identity, part.cheap_rpr_skip,
                                  lambda: _norm(cheap.out_channels, silent=silent))
    return [branch.bn1 for branch in made]


def _set_strided(part: Any, shape: Shape, *, silent: bool) -> list[nn.BatchNorm2d]:
    """The same for a bottleneck with a depthwise convolution of its own; one of stride 1 has none."""
    if part.stride == 1:
        return []
    made = []
    if part.infer_mode:
        made = [_branch(part.conv_dw)]
        part.conv_dw = nn.Identity()
        part.dw_rpr_conv, part.dw_rpr_scale, part.dw_rpr_skip = nn.ModuleList(made), None, None
        part.infer_mode = False
    _set_copies(part, ("dw_rpr_conv",), shape, silent=silent)
    conv = part.dw_rpr_conv[0].conv
    part.dw_rpr_scale = _chosen(shape.copies > 0 and shape.scale, part.dw_rpr_scale,
                                lambda: _scale(conv, silent=silent))
    return [branch.bn1 for branch in made]


def _set_copies(part: Any, lists: tuple[str, ...], shape: Shape, *, silent: bool) -> None:
    """Shorten the lists of branches, or lengthen them by fresh ones; one always stays."""
    part.num_conv_branches = max(1, shape.copies)
    for name in lists:
        branches = list(getattr(part, name))[:part.num_conv_branches]
        while len(branches) < part.num_conv_branches:
            branches.append(_fresh(branches[0], silent=silent))
        setattr(part, name, nn.ModuleList(branches))


def _chosen(wanted: bool, present: nn.Module | None, make: Any) -> nn.Module:
    if not wanted:
        return Nothing()
    return make() if present is None or isinstance(present, Nothing) else present


def _branch(conv: nn.Conv2d) -> Any:
    """A convolution with bias as a branch whose BatchNorm adds the bias and changes nothing else in evaluation mode."""
    made = _conv_norm(conv, conv.kernel_size[0], conv.padding[0])
    with torch.no_grad():
        made.conv.weight.copy_(conv.weight)
        made.bn1.weight.fill_(math.sqrt(1 + made.bn1.eps))      # running variance is 1
        if conv.bias is not None:
            made.bn1.bias.copy_(conv.bias)
    return made


def _fresh(branch: Any, *, silent: bool) -> Any:
    """Another of the same shape with initial values."""
    made = copy.deepcopy(branch)
    with torch.no_grad():
        made.conv.weight.normal_(0.0, float(branch.conv.weight.square().mean().sqrt()))
    made.bn1 = _norm(branch.conv.out_channels, silent=silent)
    return made


def _scale(conv: nn.Conv2d, *, silent: bool) -> Any:
    made = _conv_norm(conv, 1, 0)
    with torch.no_grad():
        made.conv.weight.normal_(0.0, float(conv.weight.square().mean().sqrt()))
    made.bn1 = _norm(conv.out_channels, silent=silent)
    return made


def _conv_norm(conv: nn.Conv2d, kernel: int, padding: Any) -> Any:
    from timm.models._efficientnet_blocks import ConvBnAct

    return ConvBnAct(conv.in_channels, conv.out_channels, kernel, conv.stride[0], pad_type=padding,
                     group_size=1 if conv.groups > 1 else 0, act_layer=None)


def _norm(channels: int, *, silent: bool) -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(channels)
    if silent:
        nn.init.zeros_(made.weight)
    return made
