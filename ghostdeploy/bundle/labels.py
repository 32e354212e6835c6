"""Class names: the user's file, the training run's, or ImageNet's where a model of the zoo has its 1000 classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ghostdeploy.errors import FileMissing, FileUnreadable, LabelsMismatch
from ghostdeploy.model import Model

IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class Labels:
    """Names in the order of the outputs, and where they come from."""

    names: tuple[str, ...]
    source: str


def labels_for(model: Model, file: Path | None, *, classes: int) -> Labels | None:
    """The labels of a model with `classes` outputs; None where nobody knows them.

    Raises:
        FileMissing, FileUnreadable: the file cannot be read as UTF-8 text.
        LabelsMismatch: it has another number of lines than the model has classes.
    """
    if file is None and model.labels is not None:
        return Labels(model.labels, "training run")
    if file is None:
        # A thousand outputs of an architecture of the zoo are ImageNet-1k's in every checkpoint we know of.
        return imagenet() if model.card is not None and classes == IMAGENET_CLASSES else None
    names = _read(file)
    if len(names) != classes:
        raise LabelsMismatch(f"{file} has {len(names)} labels and the model {classes} classes", "",
                             "give one label a line, in the order of the outputs")
    return Labels(names, file.name)


def _read(file: Path) -> tuple[str, ...]:
    if not file.exists():
        raise FileMissing(f"no such labels file: {file}", "", "check --labels")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()     # Windows editors put a mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"cannot read {file} as text", str(error), "give a UTF-8 text file") from error
    while lines and not lines[-1].strip():
        lines.pop()
    return tuple(line.strip() for line in lines)


def imagenet() -> Labels:
    """ImageNet-1k's class names as timm ships them (WordNet lemmas, first synonym)."""
    from ghostdeploy.torchvision_mend import mend

    mend()
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    descriptions = [str(info.index_to_description(i)) for i in range(IMAGENET_CLASSES)]
    return Labels(tuple(text.split(",")[0].strip() for text in descriptions), "imagenet-1k")
