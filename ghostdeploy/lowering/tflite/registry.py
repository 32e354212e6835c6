"""Which function writes which ATen operator: the families register themselves here, `lower` looks up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.fx import Node

from ghostdeploy.lowering.tflite.emission import Emission

Emitter = Callable[[Emission, Node], None]

EMITTERS: dict[Any, Emitter] = {}


def emits(*targets: Any) -> Callable[[Emitter], Emitter]:
    """Declare that the decorated function writes nodes with any of these targets."""

    def register(emitter: Emitter) -> Emitter:
        for target in targets:
            if target in EMITTERS:
                raise ValueError(f"{target} is written by {EMITTERS[target].__name__} already")
            EMITTERS[target] = emitter
        return emitter

    return register
