"""Finds the architecture that tensors belong to: by name, by the official GhostNetV3 names, by order and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ghostdeploy.architecture import is_timm_model
from ghostdeploy.checkpoint import nearest
from ghostdeploy.checkpoint.match import by_order
from ghostdeploy.checkpoint.names import from_official
from ghostdeploy.checkpoint.structure import Shapes, classes, fingerprint, structure
from ghostdeploy.errors import CheckpointMismatch, CheckpointUnrecognised
from ghostdeploy.zoo import Card, FormName, cards

Naming = Literal["library", "official GhostNetV3", "order and shape"]


@dataclass(frozen=True)
class Recognised:
    """What tensors are: a card's, in one of its forms, with so many classes. `names` maps the file's names to ours."""

    card: Card
    form: FormName
    naming: Naming
    names: Mapping[str, str]
    classes: int


def recognise(path: object, found: Shapes, *, ordered: bool, arch: str | None = None,
              only: Card | None = None) -> Recognised:
    """The one architecture of the zoo that `found` fits, or of the card `only` where the user named it.

    `arch` is the architecture that the trainer noted in the file: it settles which of several, and must not contradict.

    Raises:
        CheckpointMismatch: `only` does not fit; with the first tensors that differ.
        CheckpointUnrecognised: nothing fits, with the nearest card and the first tensors that differ; or several do.
    """
    among = cards() if only is None else (only,)
    hits = _by_name(found, among) or _by_order(found, among, ordered)
    if len(hits) > 1 and arch is not None:
        hits = [hit for hit in hits if arch in (hit.card.name, hit.card.build.model)] or hits
    if len(hits) > 1:
        raise CheckpointUnrecognised(f"{path} fits several models: {', '.join(hit.card.name for hit in hits)}",
                                     "their tensors have the same shapes", "say which with --model NAME")
    if not hits:
        raise _nothing(path, found, only, ordered)
    if only is None:
        _check_arch(path, hits[0].card, arch)
    return hits[0]


def _by_name(found: Shapes, among: tuple[Card, ...]) -> list[Recognised]:
    """Every form whose names and shapes are the file's, but for the number of classes."""
    namings: list[tuple[Naming, Mapping[str, str]]] = [("library", {key: key for key in found})]
    official = from_official(found)
    if official is not None:
        namings.append(("official GhostNetV3", official))
    hits = []
    for naming, names in namings:
        renamed = {names[key]: shape for key, shape in found.items()}
        for card in among:
            for form_name, form in card.forms.items():
                count = classes(renamed, form.head)
                if (form.tensors == len(renamed) and count is not None
                        and fingerprint(renamed, form.head) == form.fingerprint):
                    hits.append(Recognised(card, form_name, naming, names, count))
    return hits


def _by_order(found: Shapes, among: tuple[Card, ...], ordered: bool) -> list[Recognised]:
    hits = []
    for card in among:
        for form_name, form in card.forms.items():
            if form.tensors != len(found):
                continue
            match = by_order(found, structure(card, form_name), ordered=ordered)
            if match.names is None:
                continue
            count = classes({match.names[key]: shape for key, shape in found.items()}, form.head)
            if count is not None:
                hits.append(Recognised(card, form_name, "order and shape", match.names, count))
    return hits


def _check_arch(path: object, card: Card, arch: str | None) -> None:
    """Refuse a file whose trainer noted another architecture that timm knows: same tensors, another meaning."""
    if arch is None or arch in (card.name, card.build.model) or not is_timm_model(arch):
        return
    raise CheckpointUnrecognised(f"{path} says that it is {arch}, and its tensors are those of {card.name} as well",
                                 "the two compute different things from the same tensors",
                                 f"if it is {card.name} after all, say --model {card.name}; {arch} is not in the zoo: "
                                 "build it with --model package.module:factory")


def _nothing(path: object, found: Shapes, only: Card | None,
             ordered: bool) -> CheckpointMismatch | CheckpointUnrecognised:
    near = nearest.nearest(found, cards() if only is None else (only,), ordered=ordered, named=only is not None)
    if only is not None:
        return CheckpointMismatch(f"the weights in {path} do not fit {only.name}", near.sentence if near else "",
                                  "`ghostdeploy inspect` without --model says what they are")
    return CheckpointUnrecognised(f"the weights in {path} fit no model of the zoo",
                                  near.sentence if near else f"no card is near its {len(found)} tensors",
                                  "name your own architecture with --model package.module:factory")
