"""Everything that `ghostdeploy inspect` says about a checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from ghostdeploy.checkpoint.identify import identify, open_checkpoint
from ghostdeploy.checkpoint.recognise import Naming
from ghostdeploy.checkpoint.unwrap import WeightsChoice
from ghostdeploy.cost import Cost, cost, macs, params
from ghostdeploy.fusion import fuse
from ghostdeploy.loading import load_opened, named_card
from ghostdeploy.progress import SILENT, Progress
from ghostdeploy.trace import trace
from ghostdeploy.zoo import FormName

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Counts:
    """Convolutions and BatchNorms before and after fusion, and what it leaves with the reasons."""

    convs_before: int
    convs_after: int
    norms_before: int
    norms_after: int
    left: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """What a checkpoint is.

    `weights` is the copy described, `inside` the copies to choose from, `at` the entries that lead to it; `as_stored`
    and `fused` cost the model in the file's form and after our fusion, for one image of `input_size`.
    """

    file: str
    sha256: str
    container: str
    architecture: str
    card: str | None
    title: str | None
    form: FormName
    naming: Naming | Literal["note"] | None
    classes: int | None
    weights: str
    inside: tuple[str, ...]
    at: tuple[str, ...]
    dtypes: tuple[str, ...]
    tensors: int
    input_size: int
    as_stored: Cost
    fused: Cost
    fusion: Counts
    lookalikes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}


def inspect(path: Path, *, model: str | None = None, weights: WeightsChoice = "auto",
            progress: Progress = SILENT) -> Inspection:
    """Describe the checkpoint at `path`; `model` names a card or factory where it is not to be recognised by itself.

    Raises:
        ExportFailed, InputSizeRejected: the model cannot be traced.
        The errors of `ghostdeploy.load`.
    """
    progress.stage("read the checkpoint")
    card = named_card(model)
    opened = open_checkpoint(path, weights)
    progress.stage("recognise the architecture")
    foreign = model is not None and card is None
    noted = opened.stored.note is not None and not foreign
    known = None if foreign or noted else identify(opened, card).recognised
    loaded = load_opened(opened, model if known is None else known.card.name)
    progress.stage("try the fusion")
    size = loaded.preprocessing.input_size
    example = torch.zeros(1, 3, size, size)
    graph = trace(loaded.module, example)
    fused = fuse(graph, example, verify=False)
    report = fused.report
    return Inspection(
        file=path.name, sha256=opened.stored.sha256, container=opened.stored.kind,
        architecture=type(loaded.module).__name__, card=loaded.card.name if loaded.card else None,
        title=loaded.card.title if loaded.card else None, form=loaded.weights.form,
        naming=known.naming if known else "note" if noted else None, classes=loaded.classes,
        weights="ema" if opened.ema else "raw",
        inside=opened.copies, at=opened.copy.at, dtypes=opened.dtypes, tensors=len(opened.stripped), input_size=size,
        as_stored=Cost(params(loaded.module), macs(graph, example)), fused=cost(fused.module, example),
        fusion=Counts(report.convs_before, report.convs_after, report.norms_before, report.norms_after,
                      tuple(f"{entry.node}: {entry.why}" for entry in report.left)),
        lookalikes=loaded.card.lookalikes if loaded.card else ())
