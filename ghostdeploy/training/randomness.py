"""Every random number of a run comes from a seed made of the run's own and of where it is used.

So there is no state of generators to store: a run that was killed draws, from any step on, what it would have drawn,
whatever the number of workers or processes that load images.
"""

from __future__ import annotations

import random
from enum import IntEnum

import numpy as np
import torch


class Use(IntEnum):
    """What a seed is for; part of it, so that no two uses share their numbers."""

    WEIGHTS = 0
    ORDER = 1
    IMAGE = 2
    STEP = 3


def seed_of(seed: int, use: Use, *where: int) -> int:
    """A seed below 2^32 for one use at one place (an epoch, a step, an image).

    One use has always as many numbers in its place: to numpy, (1,) and (1, 0) are the same.
    """
    return int(np.random.SeedSequence((seed, use, *where)).generate_state(1)[0])


def set_seeds(seed: int) -> None:
    """Set the three generators that torch, timm and torchvision draw from, in this process."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed(seed)
