"""Finds the convolutions that can become branches: from the graph, because modules do not say what follows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import nn
from torch.fx import Node

from ghostdeploy.branching.branches import depthwise, pointwise
from ghostdeploy.trace import trace

CONVOLUTION, NORM = torch.ops.aten.conv2d.default, torch.ops.aten.batch_norm.default


@dataclass(frozen=True)
class Site:
    """A convolution and the BatchNorm that alone reads it, by the names of their modules."""

    conv: str
    norm: str


@dataclass(frozen=True)
class Kept:
    """A convolution that stays as it is, and why."""

    conv: str
    why: str


def sites(module: nn.Module, example: torch.Tensor) -> tuple[tuple[Site, ...], tuple[Kept, ...]]:
    """Every convolution of `module`, as a site or with the reason why it is none.

    Raises:
        ExportFailed, InputSizeRejected: see `ghostdeploy.trace.trace`.
    """
    graph = trace(module, example)
    convolutions = [node for node in graph.graph.nodes if node.target is CONVOLUTION]
    uses = Counter(_owner(node, 1) for node in convolutions)
    norms = Counter(_owner(node, 3) for node in graph.graph.nodes if node.target is NORM)
    found: list[Site] = []
    kept: list[Kept] = []
    for node in convolutions:
        answer = _site(module, node, uses, norms)
        if isinstance(answer, Site):
            found.append(answer)
        else:
            kept.append(answer)
    return tuple(found), tuple(dict.fromkeys(kept))


def _site(module: nn.Module, node: Node, uses: Counter[str], norms: Counter[str]) -> Site | Kept:
    name = _owner(node, 1)
    readers = list(node.users)
    follows = readers[0] if len(readers) == 1 and readers[0].target is NORM else None
    norm = _owner(follows, 3) if follows is not None else ""
    why = _refusal(module, name, norm, uses, norms, len(readers))
    return Kept(name, why) if why else Site(name, norm)


def _refusal(module: nn.Module, name: str, norm: str, uses: Counter[str], norms: Counter[str], readers: int) -> str:
    """Why a convolution is no site; empty where it is one."""
    conv = _submodule(module, name)
    if type(conv) is not nn.Conv2d:
        return f"it is of a kind of its own ({type(conv).__name__})"
    if not depthwise(conv) and not pointwise(conv):
        return "it is neither depthwise nor pointwise"
    if uses[name] > 1 or norms[norm] > 1:
        return "it or its BatchNorm is called more than once"
    if readers > 1:
        return "something besides a BatchNorm reads its output"
    if not norm:
        return "no BatchNorm follows it"
    return "" if activation(_submodule(module, norm)) is not None else "its BatchNorm is of a kind of its own"


def activation(norm: nn.Module | None) -> nn.Module | None:
    """What is left of a BatchNorm module when the BatchNorm itself is gone; None where that cannot be said.

    timm's BatchNormAct2d holds the dropout and activation that follow it.
    """
    from timm.layers import BatchNormAct2d

    if not isinstance(norm, nn.BatchNorm2d) or not norm.affine or norm.running_mean is None:
        return None
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    return nn.Sequential(norm.drop, norm.act) if type(norm) is BatchNormAct2d else None


def _submodule(module: nn.Module, name: str) -> nn.Module | None:
    try:
        return module.get_submodule(name)
    except AttributeError:
        return None


def _owner(node: Node, argument: int) -> str:
    """The module whose tensor is argument number `argument`; empty where it is no tensor of a module."""
    value = node.args[argument] if len(node.args) > argument else None
    origin = value.meta.get("origin", "") if isinstance(value, Node) and value.op == "get_attr" else ""
    return str(origin).rpartition(".")[0]


