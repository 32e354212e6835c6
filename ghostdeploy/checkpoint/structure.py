"""What a state dict looks like without its values: the names and shapes that identify an architecture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from ghostdeploy.architecture import skeleton
from ghostdeploy.errors import CheckpointContent
from ghostdeploy.zoo import Card, FormName

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

# Tensors that no inference reads: BatchNorm's step counter, what the `thop` profiler leaves behind (timm's filter for
# official GhostNet files drops those), and the step counter of an averaged model.
COUNTERS = frozenset({"num_batches_tracked", "total_ops", "total_params", "n_averaged"})


@dataclass(frozen=True)
class Structure:
    """Names and shapes of one form of a card, in state-dict order, without counters.

    `head` names the tensors whose first axis is the number of classes, which may be any number in a checkpoint.
    """

    card: Card
    form: FormName
    shapes: Shapes
    head: tuple[str, ...]

    def fits(self, key: str, shape: Shape) -> bool:
        """Could a tensor of `shape` be this form's `key`, for some number of classes?"""
        wanted = self.shapes.get(key)
        if wanted is None:
            return False
        return shape[1:] == wanted[1:] and len(shape) == len(wanted) if key in self.head else shape == wanted


@dataclass(frozen=True)
class Difference:
    """A tensor that a file and an architecture do not share: `found` or `wanted` is None where it is missing."""

    key: str
    found: Shape | None
    wanted: Shape | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.key} {list(self.wanted or ())} is missing"
        if self.wanted is None:
            return f"{self.key} {list(self.found)} belongs nowhere"
        return f"{self.key} is {list(self.found)}, not {list(self.wanted)}"


def is_counter(key: str) -> bool:
    """Is this a tensor that no inference reads?"""
    return key.rpartition(".")[2] in COUNTERS


def shapes(state: Mapping[str, Tensor]) -> dict[str, Shape]:
    """The shapes of a state dict, in its order, without counters."""
    return {key: tuple(value.shape) for key, value in state.items() if not is_counter(key)}


def fingerprint(found: Shapes, head: tuple[str, ...]) -> str:
    """Identifies names and shapes in any order, with the first axis of the tensors in `head` left out."""
    lines = sorted(f"{key} {shape[1:] if key in head else shape} {len(shape)}" for key, shape in found.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@cache
def structure(card: Card, form: FormName) -> Structure:
    """The structure of one form of `card`, from the architecture itself (0.1 to 2 s, on the meta device)."""
    module = skeleton(card, merged=form == "deployed")
    return Structure(card, form, shapes(module.state_dict()), card.forms[form].head)


def classes(found: Shapes, head: tuple[str, ...]) -> int | None:
    """The number of classes that the tensors in `head` agree on, else None.

    Raises:
        CheckpointContent: there are 0 classes.
    """
    counts = {found[key][0] for key in head if found.get(key)}
    if counts == {0}:
        raise CheckpointContent(f"the classifier of this checkpoint has no classes: {head[0]} is "
                                f"{list(found[head[0]])}", "the model was built to give features, not answers",
                                "give a checkpoint with a classifier")
    return counts.pop() if len(counts) == 1 else None


def differences(found: Shapes, wanted: Structure) -> list[Difference]:
    """Where `found` and an architecture part, in the architecture's order, then the file's."""
    listed = [Difference(key, found.get(key), shape) for key, shape in wanted.shapes.items()
              if key not in found or not wanted.fits(key, found[key])]
    listed += [Difference(key, shape, None) for key, shape in found.items() if key not in wanted.shapes]
    if not listed and classes(found, wanted.head) is None:
        first = found[wanted.head[0]][0]
        listed = [Difference(key, found[key], (first, *found[key][1:])) for key in wanted.head
                  if found[key][0] != first]
    return listed
