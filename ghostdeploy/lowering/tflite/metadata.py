"""TFLite Model Metadata: what a client needs to feed the model and to name its classes.

The format is a flatbuffer (identifier M001) stored in the model as the metadata buffer TFLITE_METADATA, and the label
file appended to the model as a member of a ZIP archive. Table fields below are numbered as in `metadata_schema.fbs`,
which ships inside `mediapipe`. Observed with mediapipe 1.2.2: NHWC input only, no softmax, and means or stds that
differ between channels are refused as unimplemented.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers

from ghostdeploy.errors import LabelsMismatch
from ghostdeploy.lowering.artifact import TensorSpec

BUFFER, IDENTIFIER = "TFLITE_METADATA", b"M001"
LABELS = "labels.txt"
PARSER = "1.0.0"  # the first parser that knows every field used here
_TENSOR_AXIS_LABELS, _RGB, _IMAGE_PROPERTIES, _FEATURE_PROPERTIES, _NORMALIZATION = 2, 1, 2, 1, 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same export gives the same bytes


@dataclass(frozen=True)
class TfliteMetadata:
    """What is written about a model. A client feeds (pixel - mean) / std, pixels being 0 to 255.

    Attributes:
        name: the model's name.
        description: a sentence for people.
        labels: one per class, in order; None where the classes have no names.
        mean: subtracted from pixels: one for all channels, or one each.
        std: what the difference is divided by, as many as `mean`.
        version: of the model, free text.
        author: free text.
        licence: free text.
    """

    name: str
    description: str = ""
    labels: tuple[str, ...] | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (255.0,)
    version: str = ""
    author: str = ""
    licence: str = ""

    def entry(self, image: TensorSpec, scores: TensorSpec) -> tuple[str, bytes]:
        """Name and bytes of the model's metadata buffer.

        Raises:
            LabelsMismatch: the number of labels is not the number of scores.
        """
        classes = scores.shape[-1]
        if self.labels is not None and len(self.labels) != classes:
            raise LabelsMismatch(f"{len(self.labels)} labels for {classes} classes", "each class needs one line",
                                 f"give a label file of {classes} lines")
        return BUFFER, _pack(self, image, scores)


def attach(model: bytes, metadata: TfliteMetadata) -> bytes:
    """The model with its label file appended as a ZIP member; readers of the flatbuffer do not see it."""
    if metadata.labels is None:
        return model
    file = io.BytesIO()
    file.write(model)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS, _EPOCH), "\n".join(metadata.labels) + "\n")
    return file.getvalue()


def _pack(metadata: TfliteMetadata, image: TensorSpec, scores: TensorSpec) -> bytes:
    b = flatbuffers.Builder(1024)
    tensors = [_vector(b, [_image(b, metadata, image)]), _vector(b, [_scores(b, metadata, scores)])]
    subgraph = _table(b, 10, {2: tensors[0], 3: tensors[1]})
    texts = {0: metadata.name, 1: metadata.description, 2: metadata.version, 4: metadata.author, 5: metadata.licence}
    fields = {slot: b.CreateString(text) for slot, text in texts.items() if text}
    fields[3], fields[7] = _vector(b, [subgraph]), b.CreateString(PARSER)
    b.Finish(_table(b, 8, fields), file_identifier=IDENTIFIER)
    return bytes(b.Output())


def _image(b: flatbuffers.Builder, metadata: TfliteMetadata, spec: TensorSpec) -> int:
    options = _table(b, 2, {0: _floats(b, metadata.mean), 1: _floats(b, metadata.std)})
    unit = _table(b, 2, {1: options}, kinds={0: _NORMALIZATION})
    content = _table(b, 3, {1: _table(b, 2, {}, kinds={0: _RGB})}, kinds={0: _IMAGE_PROPERTIES})
    pairs = list(zip(metadata.mean, metadata.std, strict=True))
    stats = _table(b, 2, {slot: _floats(b, [(pixel - m) / s for m, s in pairs]) for slot, pixel in ((0, 255), (1, 0))})
    text = b.CreateString("RGB image"), b.CreateString(spec.name)
    return _table(b, 7, {0: text[1], 1: text[0], 3: content, 4: _vector(b, [unit]), 5: stats})


def _scores(b: flatbuffers.Builder, metadata: TfliteMetadata, spec: TensorSpec) -> int:
    content = _table(b, 3, {1: _table(b, 0, {})}, kinds={0: _FEATURE_PROPERTIES})
    fields = {0: b.CreateString(spec.name), 1: b.CreateString("score of each class"), 3: content}
    if metadata.labels is not None:
        file = _table(b, 5, {0: b.CreateString(LABELS), 1: b.CreateString("name of each class")},
                      kinds={2: _TENSOR_AXIS_LABELS})
        fields[6] = _vector(b, [file])
    return _table(b, 7, fields)


def _table(b: flatbuffers.Builder, slots: int, offsets: dict[int, int], kinds: dict[int, int] | None = None) -> int:
    """A table of `slots` fields: offsets to other objects, and one-byte enums."""
    b.StartObject(slots)
    for slot, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, kind in (kinds or {}).items():
        b.PrependUint8Slot(slot, kind, 0)
    return int(b.EndObject())


def _vector(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: flatbuffers.Builder, values: Sequence[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())
