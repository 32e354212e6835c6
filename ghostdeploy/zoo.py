"""The zoo: one card (TOML) per model, read without importing torch.

A card states what a model is and where each number about it comes from. `models/README.md` says what each entry means.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ghostdeploy.errors import UnknownModel
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.resources import folder

Library = Literal["timm", "torchvision", "ghostdeploy"]
Quantity = Literal["top1", "params", "flops", "phone_ms", "cpu_ms"]
FormName = Literal["training", "deployed", "single"]


@dataclass(frozen=True)
class Build:
    """How a model is built: `library`'s constructor `model` with keyword `arguments`.

    `file` in models/ defines the constructor where the library is our own.
    """

    library: Library
    model: str
    arguments: tuple[tuple[str, Any], ...] = ()
    file: str | None = None


@dataclass(frozen=True)
class Published:
    """A number that somebody published: top-1 in %, params and flops (multiply-adds) in units, latencies in ms.

    `derived` marks a value that the source gives only as a difference to another model; `note` then says which.
    """

    quantity: Quantity
    value: float
    source: str
    device: str | None = None
    derived: bool = False
    note: str | None = None


@dataclass(frozen=True)
class WeightsSource:
    """Where trained weights can be had, and the top-1 (%) that `top1_source` measured at `top1_size` pixels."""

    where: str
    form: FormName
    licence: str
    top1: float | None = None
    top1_size: int | None = None
    top1_source: str | None = None


@dataclass(frozen=True)
class Form:
    """Computed figures of one form of a model, with 1000 classes.

    `macs` are multiply-adds of convolutions and matrix products for one 224x224 image, `tensors` counts a state dict's
    tensors without counters, `fingerprint` identifies their names and shapes whatever the number of classes, and `head`
    names the tensors whose first axis is the number of classes.
    """

    params: int
    macs: int
    tensors: int
    fingerprint: str
    head: tuple[str, ...]


# What a new card has until `python -m ghostdeploy.card_figures` filled it in.
UNCOMPUTED = Form(0, 0, 0, "", ())


@dataclass(frozen=True)
class Card:
    """One model. `deployed` is None where re-parameterisation changes nothing: the training form is the only one.

    `licence` is that of the published weights; `fixed_size` says that no other input size is possible; `lookalikes`
    names architectures outside the zoo that have the same tensors and compute something else, so that no file can tell.
    """

    name: str
    title: str
    family: str
    licence: str
    build: Build
    preprocessing: Preprocessing
    preprocessing_source: str
    fixed_size: bool
    published: tuple[Published, ...]
    weights: tuple[WeightsSource, ...]
    lookalikes: tuple[str, ...]
    training: Form
    deployed: Form | None

    @property
    def forms(self) -> Mapping[FormName, Form]:
        """Every form in which a checkpoint of this model can be: `single`, or `training` and `deployed`."""
        return {"single": self.training} if self.deployed is None else {
            "training": self.training, "deployed": self.deployed}

    @property
    def params(self) -> int:
        """Parameters of the deployed form."""
        return (self.deployed or self.training).params

    @property
    def macs(self) -> int:
        """Multiply-adds of the deployed form for one 224x224 image."""
        return (self.deployed or self.training).macs

    def first(self, quantity: Quantity) -> Published | None:
        """The first published value of `quantity`: cards list the model's own paper first."""
        return next((entry for entry in self.published if entry.quantity == quantity), None)


@cache
def cards() -> tuple[Card, ...]:
    """Every card, by family and name."""
    found = [read(path) for path in folder("models").glob("*.toml")]
    return tuple(sorted(found, key=lambda card: (card.family.lower(), card.name)))


def card(name: str) -> Card:
    """The card called `name`.

    Raises:
        UnknownModel: with the names most like it.
    """
    for candidate in cards():
        if candidate.name == name:
            return candidate
    known = [candidate.name for candidate in cards()]
    near = difflib.get_close_matches(name.lower(), known, n=4, cutoff=0.5)
    raise UnknownModel(f"there is no model called {name!r}", f"nearest names: {', '.join(near)}" if near else "",
                       "`ghostdeploy models` lists them; your own architecture is --model package.module:factory")


def read(path: Path) -> Card:
    """One card. Cards are ours: what is wrong in one surfaces as the KeyError or TypeError that it causes."""
    entry = tomllib.loads(path.read_text(encoding="utf-8"))
    build, image, computed = entry["build"], entry["input"], entry.get("computed", {})
    return Card(
        name=entry["name"], title=entry["title"], family=entry["family"], licence=entry["licence"],
        build=Build(build["library"], build["model"], tuple(sorted(build.get("arguments", {}).items())),
                    build.get("file")),
        preprocessing=Preprocessing(image["size"], image["crop"], image["interpolation"], _rgb(image["mean"]),
                                    _rgb(image["std"])),
        preprocessing_source=image["source"], fixed_size=image.get("fixed", False),
        published=tuple(Published(**value) for value in entry.get("published", [])),
        weights=tuple(WeightsSource(**source) for source in entry.get("weights", [])),
        lookalikes=tuple(entry.get("lookalikes", [])),
        training=_form(computed["training"]) if "training" in computed else UNCOMPUTED,
        deployed=_form(computed["deployed"]) if "deployed" in computed else None)


def _form(entry: Mapping[str, Any]) -> Form:
    return Form(entry["params"], entry["macs"], entry["tensors"], entry["fingerprint"], tuple(entry["head"]))


def _rgb(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
