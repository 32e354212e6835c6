"""From a file to weights and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ghostdeploy.checkpoint.read import Stored, read
from ghostdeploy.checkpoint.recognise import Recognised, recognise
from ghostdeploy.checkpoint.structure import is_counter, shapes
from ghostdeploy.checkpoint.unwrap import Copy, Found, WeightsChoice, choose, find, strippings
from ghostdeploy.checkpoint.values import usable
from ghostdeploy.zoo import Card


@dataclass(frozen=True)
class Opened:
    """The weights that a file holds, not yet attributed to an architecture.

    `state` is finite float32 under the file's names, whole numbers as stored; `dtypes` are the types as stored; `ema`
    says that the averaged copy was taken, `copies` what there was to choose from.
    """

    stored: Stored
    found: Found
    copy: Copy
    ema: bool
    state: dict[str, Tensor]
    dtypes: tuple[str, ...]

    @property
    def copies(self) -> tuple[str, ...]:
        """Of `raw` and `ema`, those inside."""
        return tuple(name for name, copy in (("raw", self.found.raw), ("ema", self.found.ema)) if copy is not None)

    @property
    def stripped(self) -> dict[str, Tensor]:
        """`state` without any wrapper's prefix: the names of the zoo's models begin with none."""
        *_, shortest = strippings(self.state)
        return shortest


@dataclass(frozen=True)
class Identified:
    """Weights and the architecture that they belong to; `state` has the architecture's names."""

    opened: Opened
    recognised: Recognised
    state: dict[str, Tensor]


def open_checkpoint(path: Path, weights: WeightsChoice = "auto") -> Opened:
    """Read a file, choose the copy of the weights, and make it finite float32.

    Raises:
        FileMissing, FileUnreadable, CheckpointFormat, CheckpointUnsafe, CheckpointContent.
    """
    stored = read(path)
    found = find(path, stored.tree)
    copy, ema = choose(path, found, weights)
    values = usable(path, copy.state)
    return Opened(stored, found, copy, ema, values.state, values.dtypes)


def identify(opened: Opened, only: Card | None = None) -> Identified:
    """Attribute weights to the architecture of the zoo that they fit, or to the card `only`.

    Raises:
        CheckpointMismatch, CheckpointUnrecognised.
    """
    stripped = opened.stripped
    known = recognise(opened.stored.path, shapes(stripped), ordered=opened.stored.ordered, arch=opened.found.arch,
                      only=only)
    state = {known.names[key]: value for key, value in stripped.items() if not is_counter(key)}
    return Identified(opened, known, state)
