"""What a run needs to go on where it was killed, in one file that is there whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ghostdeploy.digest import sha256
from ghostdeploy.errors import FileMissing
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training_errors import ResumeMismatch
from ghostdeploy.wording import first_sentence
from ghostdeploy.writing import write_whole

FILE = "state.pt"
SCHEMA_VERSION = 2
NEXT = "start over in another directory (-o), or go on with the recipe and data that it was begun with"


@dataclass(frozen=True)
class State:
    """A run after `step` steps: tensors of the model, its average and the optimiser, and what was logged.

    `threads` are torch's: sums over a batch are split among them, and end with other last bits for other numbers.
    `processes` share each batch.
    `scaler` is that of float16 gradients, empty in other precisions.
    """

    step: int
    model: dict[str, torch.Tensor]
    average: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    rows: tuple[dict[str, float], ...]
    threads: int
    processes: int
    scaler: dict[str, Any]


def digest(recipe: Recipe, data_identity: str) -> str:
    """Identifies what a run computes: the recipe without its words and without how often it looks up, and the data.

    Of a checkpoint that it starts with or learns from, the contents count and not the name.
    """
    values = asdict(recipe)
    for key in ("name", "title", "sources"):
        del values[key]
    if not recipe.model.branches:       # what it has none of has no kinds
        values["model"] |= {"scale": False, "identity": False}
    for table, key in (("model", "start"), ("distillation", "teacher")):
        file = Path((values[table] or {}).get(key) or "")
        if file.is_file():
            values[table][key] = sha256(file)
    values["run"] = {"seed": recipe.run.seed, "precision": recipe.run.precision}
    return hashlib.sha256(json.dumps([values, data_identity], sort_keys=True).encode()).hexdigest()


def save(directory: Path, state: State, run: str) -> None:
    """Write the state beside the last one and rename it into place.

    Raises:
        WriteFailed: the last one still stands then.
    """
    # Into memory first: on a full disk torch's own writer fails with errors that say nothing of the disk.
    whole = io.BytesIO()
    torch.save({"schema_version": SCHEMA_VERSION, "run": run, "step": state.step, "model": state.model,
                "average": state.average, "optimiser": state.optimiser, "rows": list(state.rows),
                "threads": state.threads, "processes": state.processes, "scaler": state.scaler}, whole)
    write_whole(directory / FILE, whole.getvalue())


def load(directory: Path, run: str) -> State:
    """The state in `directory`, if it is one of `run` (see `digest`).

    Raises:
        FileMissing: there is none.
        ResumeMismatch: it is of another run, or cannot be read.
    """
    path = directory / FILE
    if not path.exists():
        raise FileMissing(f"nothing to resume in {directory}", f"it has no {FILE}", "leave --resume out")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        same = found["schema_version"] == SCHEMA_VERSION and found["run"] == run
        state = State(found["step"], found["model"], found["average"], found["optimiser"], tuple(found["rows"]),
                      found["threads"], found["processes"], found["scaler"])
    except Exception as error:      # torch raises a dozen types for damaged files, of which none is documented
        raise ResumeMismatch(f"{path} cannot be read", first_sentence(error), NEXT) from error
    if not same:
        raise ResumeMismatch(f"{path} is of another run", "the recipe or the data are not those that it was begun with",
                             NEXT)
    return state
