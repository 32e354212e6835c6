"""When nothing fits: the card that comes nearest, and where it and the file first part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ghostdeploy.checkpoint.match import by_order
from ghostdeploy.checkpoint.names import from_official
from ghostdeploy.checkpoint.structure import Shapes, Structure, differences, structure
from ghostdeploy.zoo import Card

# Structures are compared in full, which takes 0.1 to 2 s each to build; only the nearest in number of tensors are, and
# none with four times as many or few.
CANDIDATES = 12
LEAST_RATIO = 0.25
SHOWN = 3


@dataclass(frozen=True)
class Nearest:
    """The nearest form of a card, in a sentence with its share of the file's tensors and the first that differ."""

    structure: Structure
    sentence: str


def nearest(found: Shapes, among: tuple[Card, ...], *, ordered: bool, named: bool = False) -> Nearest | None:
    """The form of a card in `among` that shares most tensors with `found`: names and shapes first, then shapes alone.

    `named` says that the user named the card, so that it is compared however far it is.
    """
    official = from_official(found)
    renamed = {official[key]: shape for key, shape in found.items()} if official else found
    scored = [(_score(renamed, wanted), wanted) for wanted in _candidates(len(found), among, named)]
    if not scored:
        return None
    (matching, _), best = max(scored, key=lambda pair: pair[0])
    return Nearest(best, _sentence(renamed, best, matching, ordered))


def _candidates(count: int, among: tuple[Card, ...], named: bool) -> list[Structure]:
    ratios = sorted(((min(form.tensors, count) / max(form.tensors, count, 1), card, form_name)
                     for card in among for form_name, form in card.forms.items()),
                    key=lambda entry: -entry[0])
    return [structure(card, form_name) for ratio, card, form_name in ratios[:CANDIDATES]
            if named or ratio >= LEAST_RATIO]


def _score(found: Shapes, wanted: Structure) -> tuple[int, float]:
    """Tensors that fit by name, then the share of shapes in common whatever the names."""
    matching = sum(wanted.fits(key, shape) for key, shape in found.items())
    ours, theirs = Counter(wanted.shapes.values()), Counter(found.values())
    return matching, (ours & theirs).total() / max((ours | theirs).total(), 1)


def _sentence(found: Shapes, best: Structure, matching: int, ordered: bool) -> str:
    form = "" if best.form == "single" else f" in {best.form} form"
    listed = differences(found, best)
    text = (f"the nearest is {best.card.name}{form}: {matching} of its {len(best.shapes)} tensors are there; "
            f"first differences: {'; '.join(str(difference) for difference in listed[:SHOWN])}")
    if matching == 0:
        why = by_order(found, best, ordered=ordered).why
        text += f". By order and shape: {why}" if why else ""
    return text
