"""The format of a bare file, from its first bytes; a file's name says nothing."""

from __future__ import annotations

from pathlib import Path

from ghostdeploy.errors import ArtifactRejected, FileUnreadable
from ghostdeploy.lowering.artifact import Format

# Flatbuffers carry their identifier behind the root offset. An ONNX ModelProto has none: it begins with field 1,
# ir_version, a varint (tag 0x08) of at most 127, and goes on with a field of length-delimited type (producer_name 0x12,
# graph 0x3a, opset_import 0x42, ...).
IDENTIFIERS: dict[bytes, Format] = {b"ET12": "pte", b"TFL3": "tflite"}
LENGTH_DELIMITED = 2


def sniff(path: Path) -> Format:
    """The format of the artifact `path`.

    Raises:
        FileUnreadable: it cannot be read.
        ArtifactRejected: it is no .pte, .tflite or .onnx.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise FileUnreadable(f"cannot read {path}", str(error), "check its permissions") from error
    found = IDENTIFIERS.get(head[4:8])
    if found is not None:
        return found
    if len(head) > 2 and head[0] == 0x08 and head[1] < 0x80 and head[2] & 7 == LENGTH_DELIMITED:
        return "onnx"
    raise ArtifactRejected(f"{path} is no artifact", "its first bytes are those of no .pte, .tflite or .onnx file",
                           "name a bundle directory, or a file that `ghostdeploy export` wrote")
