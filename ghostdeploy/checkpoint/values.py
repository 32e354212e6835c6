"""Makes stored tensors usable: plain, finite, weights in float32; and says as what they were stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ghostdeploy.checkpoint.structure import is_counter
from ghostdeploy.checkpoint.unwrap import State
from ghostdeploy.errors import CheckpointContent, CheckpointUnsafe

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
# Buffers may be whole numbers (Swin's relative_position_index) or masks; only the architecture tells them from
# quantised weights, so `check_kinds` comes after it is known.
WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


@dataclass(frozen=True)
class Values:
    """Weights as float32, whole numbers as stored, and the types that the file stores, e.g. ("float16",)."""

    state: dict[str, Tensor]
    dtypes: tuple[str, ...]


def usable(path: Path, state: State) -> Values:
    """`state` as finite float32 tensors of their own memory; whole numbers and counters keep their type.

    Raises:
        CheckpointUnsafe: tensors claim far more memory than the file has bytes.
        CheckpointContent: a tensor is of another kind, or holds NaN or Inf; named.
    """
    budget = 2 * path.stat().st_size
    for key, value in state.items():
        _check_plain(path, key, value)
        budget -= value.numel() * value.element_size()
        if budget < 0:
            raise CheckpointUnsafe(f"the tensors of {path} claim more memory than the file has bytes",
                                   f"{key} is {list(value.shape)}, a view that repeats few values",
                                   "save it again: torch.save({k: v.clone() for k, v in state.items()}, ...)")
    dtypes = {_name(value) for key, value in state.items() if not is_counter(key)}
    converted = {key: value.detach().clone() if is_counter(key) or value.dtype in WHOLE
                 else value.detach().float().contiguous() for key, value in state.items()}
    _check_finite(path, converted)
    return Values(converted, tuple(sorted(dtypes)))


def check_kinds(path: Path, state: State, wanted: State) -> None:
    """Compare what kind of number each tensor of `state` is with the architecture's `wanted` tensor of that name.

    Raises:
        CheckpointContent: whole numbers where weights belong (a quantised model), or the other way round; named.
    """
    for key, value in state.items():
        if is_counter(key):
            continue
        if value.dtype in WHOLE and wanted[key].is_floating_point():
            raise _other_kind(path, key, value)
        if value.is_floating_point() and not wanted[key].is_floating_point():
            raise CheckpointContent(f"{path}: {key} is stored as a float",
                                    f"the architecture holds {_name(wanted[key])} there, which rounding may change",
                                    "save that buffer as it is")


def _other_kind(path: Path, key: str, value: Tensor) -> CheckpointContent:
    return CheckpointContent(f"{path}: {key} is stored as {_name(value)}",
                             "weights are float32, float16, bfloat16 or float64", "save the float weights")


def _name(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _check_plain(path: Path, key: str, value: Tensor) -> None:
    if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
        raise CheckpointContent(f"{path}: {key} is no plain tensor", f"it is {value.layout}, {value.dtype}, on "
                                f"{value.device}", "save float weights, before any quantisation")
    if not is_counter(key) and value.dtype not in FLOATS + WHOLE:
        raise _other_kind(path, key, value)


def _check_finite(path: Path, state: State) -> None:
    broken = [(key, int((~torch.isfinite(value)).sum())) for key, value in state.items()
              if value.is_floating_point() and not is_counter(key) and not torch.isfinite(value).all()]
    if broken:
        listed = ", ".join(f"{key} ({count} values)" for key, count in broken[:5])
        more = f" and {len(broken) - 5} more tensors" if len(broken) > 5 else ""
        raise CheckpointContent(f"{path} holds NaN or Inf: {listed}{more}",
                                "the training diverged, or the file is damaged", "use an earlier checkpoint")
