"""The trained weights as users get them: safetensors in training form, with what `load` must know besides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from ghostdeploy.branching.branches import Shape
from ghostdeploy.checkpoint.note import Note
from ghostdeploy.checkpoint.structure import is_counter
from ghostdeploy.datasets.dataset import DataSet
from ghostdeploy.training.images import preprocessing
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.writing import write_whole


def write(path: Path, state: Mapping[str, torch.Tensor], recipe: Recipe, data: DataSet, *, half: bool = False,
          **outcome: Any) -> None:
    """Write `state` in float32 (float16 with `half`), whole or not at all.

    Raises:
        WriteFailed.
    """
    dtype = torch.float16 if half else torch.float32
    tensors = {key: value.detach().to("cpu", dtype).contiguous() for key, value in state.items() if not is_counter(key)}
    part = recipe.model
    note = Note(part.card, Shape(part.branches, part.scale, part.identity), data.classes, preprocessing(recipe.data),
                {"recipe": recipe.name, "data": data.name, "data_identity": data.identity, **outcome})
    write_whole(path, save(tensors, note.metadata()))
