"""Finds the state dicts inside a checkpoint: bare, in the usual wrappings, raw and averaged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from ghostdeploy.checkpoint.structure import is_counter
from ghostdeploy.errors import CheckpointContent

State = Mapping[str, Tensor]
WeightsChoice = Literal["auto", "raw", "ema"]

# Entries under which trainers keep weights, most specific first; the averaged copies apart. Sources: timm, the official
# GhostNetV3, torchvision's references, DeiT, Lightning, ultralytics.
EMA_KEYS = ("state_dict_ema", "model_ema", "ema_state_dict", "model_ema_state_dict", "ema")
RAW_KEYS = ("state_dict", "model_state_dict", "model", "module", "net", "weights")
# What wrappers put before every name: DataParallel, torch.compile, Lightning.
PREFIXES = ("module.", "_orig_mod.", "model.")
MAX_DEPTH = 4


@dataclass(frozen=True)
class Copy:
    """One state dict as stored, and the entries that lead to it (empty: the file is the state dict)."""

    at: tuple[str, ...]
    state: State


@dataclass(frozen=True)
class Found:
    """The copies of the weights in a checkpoint, and the architecture that its trainer noted, if any."""

    raw: Copy | None
    ema: Copy | None
    arch: str | None


def find(path: object, tree: Any) -> Found:
    """The state dicts in what a file holds.

    Raises:
        CheckpointContent: there is none; says what there is instead.
    """
    raw, ema = _search(tree, RAW_KEYS, ()), _search(tree, EMA_KEYS, ())
    if raw is None and ema is None:
        raise CheckpointContent(f"{path} holds no weights", _instead(tree),
                                "save the weights: torch.save(model.state_dict(), ...)")
    arch = tree.get("arch") if isinstance(tree, Mapping) else None
    return Found(raw, ema, arch if isinstance(arch, str) else None)


def choose(path: object, found: Found, weights: WeightsChoice) -> tuple[Copy, bool]:
    """The copy to use and whether it is the averaged one. By default that is taken wherever it is inside.

    Raises:
        CheckpointContent: the wanted copy is not inside.
    """
    wanted = found.raw if weights == "raw" else found.ema if weights == "ema" else found.ema or found.raw
    if wanted is None:
        inside = "averaged (EMA)" if found.raw is None else "raw"
        raise CheckpointContent(f"{path} has no {weights} weights", f"only the {inside} copy is inside",
                                "leave --weights out to take what there is")
    return wanted, wanted is found.ema


def strippings(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """`state` under the file's own names, then with one more of the wrappers' prefixes off, until none is left.

    A prefix comes off where it stands before every name (an averaged model's own counter stands outside of it). How
    many to take off only the wanted names tell: `model.` may be a wrapper's, or an attribute of the user's own module.
    """
    yield state
    for prefix in PREFIXES * MAX_DEPTH:
        if all(key.startswith(prefix) or key == "n_averaged" for key in state) and len(state) > 1:
            state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            yield state


def _search(tree: Any, keys: tuple[str, ...], at: tuple[str, ...]) -> Copy | None:
    """The first state dict under one of `keys`; only a raw copy can be the tree itself."""
    if not isinstance(tree, Mapping) or len(at) > MAX_DEPTH:
        return None
    for key in keys:
        inner = tree.get(key)
        if isinstance(inner, Mapping):
            # Inside the entry, any wrapping goes: {"ema": {"module": {...}}}, {"model_ema": {"state_dict": {...}}}.
            copy = _search(inner, RAW_KEYS, (*at, key))
            if copy is not None:
                return copy
    return Copy(at, _tensors(tree)) if (at or keys is RAW_KEYS) and _is_state(tree) else None


def _is_state(tree: Mapping[Any, Any]) -> bool:
    return any(isinstance(key, str) and isinstance(value, Tensor) and value.is_floating_point() and not is_counter(key)
               for key, value in tree.items())


def _tensors(tree: Mapping[Any, Any]) -> State:
    return {key: value for key, value in tree.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _instead(tree: Any) -> str:
    if isinstance(tree, Tensor):
        return f"it is a single tensor {list(tree.shape)}"
    if not isinstance(tree, Mapping):
        return f"it is a {type(tree).__name__}"
    keys = [str(key) for key in tree]
    if {"param_groups", "state"} <= set(keys) or any("optim" in key for key in keys):
        return f"it holds the state of an optimizer: {', '.join(keys[:8])}"
    return f"its entries are {', '.join(keys[:8]) or 'none'}"
