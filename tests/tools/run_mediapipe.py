"""Classify images with MediaPipe's ImageClassifier, in that package's own environment; prints one JSON list.

    .venv-mediapipe/bin/python tests/tools/run_mediapipe.py MODEL.tflite IMAGE.png [IMAGE.png ...]

Per image: the five best categories as [index, name, score]. Images are given in the model's own size, so that nothing
resizes them on the way.
"""

from __future__ import annotations

import json
import sys

import mediapipe as mp
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions


def classify(model: str, images: list[str]) -> list[list[tuple[int, str, float]]]:
    """The five best of each image. Closed explicitly: `__del__` prints an ignored TypeError at exit otherwise."""
    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model), max_results=5)
    classifier = ImageClassifier.create_from_options(options)
    try:
        found = [classifier.classify(mp.Image.create_from_file(image)) for image in images]
    finally:
        classifier.close()
    return [[(c.index, c.category_name, c.score) for c in result.classifications[0].categories] for result in found]


if __name__ == "__main__":
    print(json.dumps(classify(sys.argv[1], sys.argv[2:])))
