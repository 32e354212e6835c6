"""What an artifact needs of a phone's runtime: the table is measured again, and what is missing is named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from ghostdeploy.device.android import needs
from ghostdeploy.device.android.store import RuntimeLibrary
from ghostdeploy.errors import ArtifactRejected
from ghostdeploy.resources import folder
from tests.small_artifacts import small
from tests.tools.tflite_check import foreign

TABLE = tomllib.loads((folder("android_bench") / "tflite-2.14.0.toml").read_text())["operators"]
CODES = {name: code for code, name in needs.BUILTIN_NAMES.items()}
NO_VERSIONS = {"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"}
UNTOLD = {"LSTM"}       # its options are looked at before its version: the runtime's answer says nothing of versions


def test_the_table_is_what_the_runtime_takes(tmp_path: Path) -> None:
    asked = {(name, version): version <= TABLE.get(name, 0)
             for name in sorted(CODES.keys() - NO_VERSIONS - UNTOLD)
             for version in (TABLE.get(name, 0), TABLE.get(name, 0) + 1) if version}
    files = [str(one_operator(tmp_path / f"{name}-{version}.tflite", name, version)) for name, version in asked]
    assert len(asked) > 300
    assert dict(zip(asked, foreign("tflite214", "load_tflite214.py", *files), strict=True)) == asked


def test_newer_operators_are_named_with_the_way_out(tmp_path: Path) -> None:
    for name, version, had in (("ADD", 6, "up to 5"), ("STABLEHLO_SCATTER", 1, "none")):
        with pytest.raises(ArtifactRejected) as raised:
            needs.check(one_operator(tmp_path / "new.tflite", name, version), library("tflite", tmp_path))
        assert f"{name} version {version} (it has {had})" in raised.value.why
        assert "--runtime" in raised.value.next


def test_constants_behind_the_model_are_refused(tmp_path: Path) -> None:
    buffer = schema.BufferT()
    buffer.offset, buffer.size = 4096, 4
    with pytest.raises(ArtifactRejected, match="needs more") as raised:
        needs.check(one_operator(tmp_path / "far.tflite", "ADD", 1, buffer), library("tflite", tmp_path))
    assert "behind the model" in raised.value.why


def test_a_runtime_without_a_table_is_left_to_speak_for_itself(tmp_path: Path) -> None:
    needs.check(one_operator(tmp_path / "new.tflite", "ADD", 6), library("tflite", tmp_path, "2.99.0"))


def test_kernels_are_looked_for_in_the_library(tmp_path: Path) -> None:
    import torch
    from executorch.exir import to_edge_transform_and_lower

    program = to_edge_transform_and_lower(torch.export.export(torch.nn.LayerNorm(4).eval(), (torch.zeros(2, 4),)))
    path = tmp_path / "norm.pte"
    path.write_bytes(program.to_executorch().buffer)
    needs.check(path, library("executorch", tmp_path, data=b"..\0aten::native_layer_norm.out\0.."))
    with pytest.raises(ArtifactRejected) as raised:
        needs.check(path, library("executorch", tmp_path, data=b"..\0aten::native_layer_norm.outer\0.."))
    assert "the kernel aten::native_layer_norm.out" in raised.value.why


def test_what_is_exported_needs_nothing_more(tmp_path: Path) -> None:
    needs.check(small("tflite").path, library("tflite", tmp_path))
    needs.check(small("pte").path, library("executorch", tmp_path, data=b""))


@pytest.mark.parametrize("data", [b"", b"\xff" * 64, b"TFL3" * 20])
def test_what_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    for name in ("tflite", "executorch"):
        with pytest.raises(ArtifactRejected, match="cannot be read"):
            needs.check(path, library(name, tmp_path))


def library(name: str, folder: Path, version: str = "2.14.0", data: bytes = b"") -> RuntimeLibrary:
    path = folder / "library.so"
    path.write_bytes(data)
    return RuntimeLibrary(name, "arm64-v8a", path, "library.so", version, "", "")    # type: ignore[arg-type]


def one_operator(path: Path, name: str, version: int, buffer: schema.BufferT | None = None) -> Path:
    """A .tflite with this one operator between two tensors of one float."""
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = CODES[name], min(CODES[name], 127), version
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [_tensor(), _tensor()], [0], [1], [operator]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), *([buffer] if buffer else [])]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _tensor() -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = [1], schema.TensorType.FLOAT32, 0
    return tensor
