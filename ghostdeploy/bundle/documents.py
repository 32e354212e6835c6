"""The files of a bundle that people read or paste: model card, licence notes, Android sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ghostdeploy.bundle.labels import Labels
from ghostdeploy.bundle.staging import NEXT
from ghostdeploy.bundle.staging import write as write_file
from ghostdeploy.reference import Reference
from ghostdeploy.writing import writing

# Template in the package -> file in the bundle. The Android sources are for the formats named.
CARD, NOTICE = "MODEL_CARD.md", "LICENSE-NOTES.md"
ANDROID = {
    "pte": {"ExecuTorchClassifier.kt": "android/ExecuTorchClassifier.kt"},
    "tflite": {"LiteRtClassifier.kt": "android/LiteRtClassifier.kt"},
}
GRADLE = "android/build.gradle.kts.snippet"


def write(staging: Path, manifest: dict[str, Any], truth: Reference, labels: Labels | None) -> None:
    """Render every document that the manifest calls for."""
    environment = Environment(loader=PackageLoader("ghostdeploy.bundle"), undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701 (no HTML)
    formats = sorted({str(artifact["format"]) for artifact in manifest["artifacts"]})
    shared = {"m": manifest, "formats": formats,
              "first": {a["format"]: a for a in reversed(manifest["artifacts"])},
              "golden_class": int(truth.outputs[0].argmax()),
              "golden_label": None if labels is None else labels.names[int(truth.outputs[0].argmax())]}
    wanted = {CARD: CARD, NOTICE: NOTICE, "build.gradle.kts.snippet": GRADLE}
    for format_ in formats:
        wanted |= ANDROID.get(format_, {})
    with writing("android", NEXT):
        (staging / "android").mkdir()
    for template, target in wanted.items():
        text = environment.get_template(template).render(**shared)
        write_file(staging / target, text)
