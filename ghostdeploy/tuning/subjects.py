"""The models whose sites are to be measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from ghostdeploy.errors import UsageError
from ghostdeploy.loading import load


def subjects(names: Sequence[str], checkpoint: Path | None,
             input_size: int | None) -> Iterator[tuple[nn.Module, torch.Tensor]]:
    """Each model with an input for it. Weights are the checkpoint's, else random: costs depend on shapes alone.

    Raises:
        UsageError: no model is named, or several beside a checkpoint.
        GhostdeployError: one cannot be loaded; see `ghostdeploy.load`.
    """
    if not names and checkpoint is None:
        raise UsageError("no model to tune for", "", "name one or more with --model, or give --checkpoint")
    if len(names) > 1 and checkpoint is not None:
        raise UsageError(f"--checkpoint has the weights of one model, and {len(names)} are named", "", "name one")
    for name in names or (None,):
        model = load(checkpoint, model=name, random_weights=checkpoint is None, input_size=input_size)
        size = model.preprocessing.input_size
        yield model.module, torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
