"""What the metadata inside a `.tflite` says, from the model's own preprocessing and labels."""

from __future__ import annotations

from ghostdeploy.bundle.labels import Labels
from ghostdeploy.lowering.tflite import TfliteMetadata
from ghostdeploy.model import Model
from ghostdeploy.version import VERSION


def metadata_for(model: Model, labels: Labels | None, embedded: bool) -> TfliteMetadata:
    """Metadata's normalisation is `(value - mean) / std` on 0..255, ours is on 0..1: hence the factor 255."""
    prep = model.preprocessing
    mean = (0.0,) if embedded else tuple(255 * m for m in prep.mean)
    std = (255.0,) if embedded else tuple(255 * s for s in prep.std)
    note = "Random weights: for latency only." if model.weights.kind == "random" else ""
    return TfliteMetadata(name=model.name, description=note or f"{model.name}, exported by ghostdeploy {VERSION}",
                          labels=None if labels is None else labels.names, mean=mean, std=std,
                          licence=(model.card.licence if model.card is not None else None) or "")
