"""python -m benchmarks.arm.export NUMBER MODEL FILE: one contestant's file, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import ghostdeploy
from benchmarks.arm.contestants import CONTESTANTS


def main(number: int, model: str, path: Path) -> None:
    """Write the file. Weights are random, the same for every contestant."""
    loaded = ghostdeploy.load(model=model, random_weights=True)
    size = loaded.preprocessing.input_size
    CONTESTANTS[number].export(loaded.module.eval(), torch.zeros(1, 3, size, size), path)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
