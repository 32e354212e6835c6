"""Recomputes what the cards say about each model's size and structure: `python -m ghostdeploy.card_figures [NAME...]`.

For whoever adds a card or moves to another version of timm; tests/test_zoo.py fails where a card and its architecture
part. Everything above the marker line of a card is written by hand and left alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

from ghostdeploy import zoo
from ghostdeploy.architecture import deployed, skeleton
from ghostdeploy.checkpoint.structure import fingerprint, shapes
from ghostdeploy.cost import cost
from ghostdeploy.resources import folder
from ghostdeploy.zoo import Card, Form

MARKER = "# Computed by `python -m ghostdeploy.card_figures`; MACs at 224x224.\n"
IMAGE = (1, 3, 224, 224)


def figures(card: Card) -> tuple[Form, Form | None]:
    """The training form and, where re-parameterisation changes anything, the deployed form of `card`."""
    # A second build with another number of classes shows which tensors depend on it.
    full, other = skeleton(card), skeleton(card, classes=7)
    training = _form(full, other)
    with torch.device("meta"):
        merged = _form(deployed(full), deployed(other))
    return training, None if merged.fingerprint == training.fingerprint else merged


def _form(full: nn.Module, other: nn.Module) -> Form:
    found, varied = shapes(full.state_dict()), shapes(other.state_dict())
    head = tuple(key for key in found if found[key] != varied[key])
    size = cost(full, torch.empty(IMAGE, device="meta"))
    return Form(size.params, size.macs, len(found), fingerprint(found, head), head)


def table(name: str, form: Form) -> str:
    """A form as a TOML table."""
    head = ", ".join(f'"{key}"' for key in form.head)
    return (f'\n[computed.{name}]\nparams = {form.params:_}\nmacs = {form.macs:_}\ntensors = {form.tensors}\n'
            f'fingerprint = "{form.fingerprint}"\nhead = [{head}]\n')


def update(path: Path) -> None:
    """Rewrite the computed end of one card."""
    training, merged = figures(zoo.read(path))
    by_hand = path.read_text(encoding="utf-8").partition(MARKER)[0].rstrip("\n")
    text = f"{by_hand}\n\n{MARKER}" + table("training", training).lstrip("\n")
    path.write_text(text + (table("deployed", merged) if merged is not None else ""), encoding="utf-8")


def main() -> None:
    """Update the named cards, or all."""
    names = sys.argv[1:] or [path.stem for path in sorted(folder("models").glob("*.toml"))]
    for name in names:
        sys.stderr.write(f"{name}\n")
        update(folder("models") / f"{name}.toml")


if __name__ == "__main__":
    main()
