"""Shapes that are asked once are those that torch gives when asked each time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule
from torch.fx.passes.fake_tensor_prop import FakeTensorProp
from torch.utils import _pytree as pytree

from ghostdeploy.fusion import fuse
from ghostdeploy.graph import copy_of
from ghostdeploy.lowering.half import halve
from ghostdeploy.lowering.passes import base
from ghostdeploy.lowering.passes.noops import DropNoops
from ghostdeploy.lowering.passes.shapes import Shapes
from tests.test_fusion_models import build


def layouts(module: GraphModule) -> list[tuple[str, Any]]:
    def layout(tensor: torch.Tensor) -> tuple[Any, ...]:
        return tensor.dtype, tuple(tensor.shape), tensor.stride()

    return [(node.name, pytree.tree_map(layout, node.meta["val"])) for node in module.graph.nodes
            if node.op != "output"]


def by_torch(module: GraphModule, x: torch.Tensor) -> list[tuple[str, Any]]:
    FakeTensorProp(module, FakeTensorMode(allow_non_fake_inputs=True)).propagate(x)
    return layouts(module)


@pytest.mark.parametrize(("name", "size"), [("ghostnetv3_050", 96), ("mobilevit_xxs", 64),
                                            ("mobilenetv3_small_100", 64)])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "half"])
def test_they_are_torchs(name: str, size: int, half: bool) -> None:
    x = torch.randn(1, 3, size, size)
    module = copy_of(fuse(build(name), x, verify=False).module)
    shapes = Shapes()
    shapes.refresh(module, x)
    assert layouts(module) == by_torch(module, x)
    base.run((DropNoops(),), module, x)
    if half:
        halve(module, x)
    shapes.refresh(module, x)       # after a rewrite, by the same memory
    assert layouts(module) == by_torch(module, x)
