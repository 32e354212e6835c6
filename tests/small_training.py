"""A recipe and images for training runs of seconds."""

from __future__ import annotations

import json
from pathlib import Path

from ghostdeploy.photos import real_photos
from ghostdeploy.training.recipe import Recipe
from ghostdeploy.training.recipe_file import parse

RECIPE = """
name = "small"
title = "Small"
[sources]
[model]
card = "shufflenet_v2_x0_5"
[data]
set = "-"
size = 32
[augmentation]
crop = "padded"
auto = "rand-m9-mstd0.5"
erasing = 0.25
[optimisation]
epochs = 3
batch = 8
lr = 5e-3
[average]
decay = 0.9
"""
# Every step leaves a state, which takes as long as the step.
SAVED_EACH_STEP = "run.save_minutes=0.0001"
OURS = {"model": ["card"], "data": ["set", "size"], "augmentation": ["crop", "auto", "erasing"],
        "optimisation": ["epochs", "batch", "lr"], "average": ["decay"]}


def recipe_text() -> str:
    text = RECIPE
    for table, keys in OURS.items():
        text = text.replace(f"[{table}]\n", f"[{table}]\nfrom = {{ ours = {json.dumps(keys)} }}\n")
    return text


def recipe(*settings: str) -> Recipe:
    return parse(recipe_text(), "small.toml", settings)


def write_images(root: Path) -> None:
    """Two classes, cut out of real photographs: 24 images to train and 8 to test."""
    photos = real_photos()
    for name, photo in (("cat", photos[0]), ("cup", photos[1])):
        for split, count in (("train", 12), ("test", 4)):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                left = 20 * number + (7 if split == "test" else 0)
                photo.image.crop((left, 40, left + 96, 136)).save(root / split / name / f"{number}.png")
