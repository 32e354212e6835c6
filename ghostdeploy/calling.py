"""Calling a user's module: its own refusals become errors that say what to do."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ghostdeploy.errors import ExportFailed, InputSizeRejected, ModelRejected
from ghostdeploy.wording import first_sentence

# What a module raises when shapes do not fit: torch's kernels, `torch._assert` and timm's checks, hand-written checks.
SIZE_COMPLAINTS = (RuntimeError, AssertionError, ValueError, IndexError)
MODEL_CONTRACT = "a model that can be exported maps one float32 tensor [1, 3, H, W] to one of [1, classes]"


def call(module: nn.Module, example: torch.Tensor) -> Any:
    """What `module` returns for `example`.

    Raises:
        InputSizeRejected: it refuses an input of this shape; its own words are the reason.
        ExportFailed: it fails in another way.
    """
    size = "x".join(str(s) for s in example.shape)
    try:
        return module(example)
    except SIZE_COMPLAINTS as refusal:
        raise InputSizeRejected(f"{type(module).__name__} cannot take an input of shape {size}",
                                first_sentence(refusal), "try the size that it was trained with (--input-size, or "
                                "data.size of a recipe)"
                                ) from refusal
    except Exception as failure:
        raise ExportFailed(f"{type(module).__name__} fails on an input of shape {size}, before any tracing",
                           first_sentence(failure), "run the model once in plain PyTorch") from failure


def classify(module: nn.Module, example: torch.Tensor) -> torch.Tensor:
    """The module's answer to one image [1, 3, H, W]: float32 [1, classes].

    Raises:
        InputSizeRejected, ExportFailed: see `call`.
        ModelRejected: it returns something else.
    """
    answer = call(module, example)
    if not isinstance(answer, torch.Tensor):
        raise ModelRejected(f"{type(module).__name__} returns a {type(answer).__name__}", MODEL_CONTRACT,
                             "wrap it in a module that returns the logits alone")
    if answer.dtype != torch.float32 or answer.dim() != 2 or len(answer) != 1 or not answer.numel():
        got = f"{str(answer.dtype).removeprefix('torch.')} {list(answer.shape)}"
        raise ModelRejected(f"{type(module).__name__} returns {got} for one image", MODEL_CONTRACT,
                             "wrap it in a module that flattens the logits to [1, classes]")
    return answer


def require_float32(module: nn.Module) -> None:
    """Refuse weights of another precision, which no float32 input fits.

    Raises:
        ModelRejected: with the first tensor that is not float32.
    """
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if value.is_floating_point() and value.dtype != torch.float32:
            raise ModelRejected(f"{name} of {type(module).__name__} is "
                                 f"{str(value.dtype).removeprefix('torch.')}", MODEL_CONTRACT,
                                 "hand in module.float(); --precision decides about the artifacts")
