"""The trained weights as users get them: safetensors in training form, with what `load` must know beside the tensors."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from ghostdeploy.checkpoint.structure import is_counter
from ghostdeploy.datasets.dataset import DataSet
from ghostdeploy.training.images import preprocessing
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.writing import writing

NOTE = "ghostdeploy"
SCHEMA_VERSION = 1


def write(path: Path, state: dict[str, torch.Tensor], recipe: Recipe, data: DataSet, *, half: bool = False,
          outcome: dict[str, Any] | None = None) -> None:
    """Write `state` in float32 (float16 with `half`), whole or not at all.

    Raises:
        WriteFailed.
    """
    dtype = torch.float16 if half else torch.float32
    tensors = {key: value.detach().to("cpu", dtype).contiguous() for key, value in state.items() if not is_counter(key)}
    note = {"schema_version": SCHEMA_VERSION, "card": recipe.model.card, "form": asdict(recipe.model),
            "classes": list(data.classes), "preprocessing": asdict(preprocessing(recipe.data)), "recipe": recipe.name,
            "data": {"name": data.name, "identity": data.identity}, **(outcome or {})}
    part = path.with_name(f".{path.name}.part")
    with writing(path, "free some space and go on with --resume"):
        try:
            with part.open("wb") as file:
                file.write(save(tensors, {NOTE: json.dumps(note)}))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
