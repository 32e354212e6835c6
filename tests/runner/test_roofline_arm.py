"""Instructions of blocks: what each retires belongs to it, and adds up to what the whole does."""

from __future__ import annotations

import torch

from benchmarks.roofline.arm import Blocks, count, markdown
from ghostdeploy.progress import SILENT


def test_blocks_of_a_small_model_add_up() -> None:
    with torch.no_grad():
        found = count("tests.tiny:factory", SILENT)
    assert list(found.spent) == ["fp32", "fp16", "int8"]
    for spent in found.spent.values():
        assert list(spent) == list(found.macs) and all(count > 0 for count in spent.values())
    assert found.spent["fp32"]["stem.0"] > found.macs["stem.0"] / 4       # nothing is below its floor
    assert sum(found.spent["fp16"].values()) < sum(found.spent["fp32"].values())


def test_floors_are_those_of_the_precision() -> None:
    found = Blocks("made up", {"stem": 8_000_000, "head": 0}, {"fp32": {"stem": 4_000_000, "head": 1_000_000},
                                                              "int8": {"stem": 4_000_000, "head": 0}})
    text = markdown([found])
    assert "A proxy" in text and " ms" not in text
    assert "| stem | 8.0 | 4.00 (2.0) | 4.00 (8.0) |" in text
    assert "| head | 0.0 | 1.00 | 0.00 |" in text
    assert "| all | 8.0 | 5.00 (2.5) | 4.00 (8.0) |" in text


def test_a_block_that_is_in_one_precision_only_is_listed() -> None:
    found = Blocks("made up", {"stem": 8_000_000}, {"fp32": {"stem": 1}, "int8": {"stem": 1, "tail": 2_000_000}})
    assert "| tail | 0.0 | 0.00 | 2.00 |" in markdown([found])
