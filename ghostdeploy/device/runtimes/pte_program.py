"""Reading a .pte: the memory order of inputs and outputs, and which kernels and backends it calls.

ExecuTorch's Python binding does not tell it, and does not check it either: a contiguous tensor fed to a channels_last
program raises nothing and gives a wrong output. The file says it, in `dim_order` (schema/program.fbs of executorch
1.4); reading four tables by hand spares importing `executorch.exir` for its generated readers.
"""

from __future__ import annotations

from pathlib import Path

from flatbuffers import encode, number_types
from flatbuffers.packer import uoffset
from flatbuffers.table import Table

from ghostdeploy.lowering.artifact import Layout

# Field numbers in schema/program.fbs, in declaration order; a union takes two (its type, then its value).
PROGRAM_PLANS, PLAN_NAME, PLAN_VALUES, PLAN_INPUTS, PLAN_OUTPUTS, PLAN_OPERATORS, PLAN_DELEGATES = 1, 0, 2, 3, 4, 6, 7
OPERATOR_NAME, OPERATOR_OVERLOAD, DELEGATE_ID = 0, 1, 0
VALUE_TYPE, VALUE, TENSOR_DIM_ORDER = 0, 1, 3
TENSOR_TYPE = 5     # KernelTypes.Tensor
CHANNELS_LAST = [0, 2, 3, 1]


def layouts(path: Path, method: str) -> tuple[list[Layout], list[Layout]]:
    """Layouts of the inputs and outputs of `method`. The file must have passed the runtime's verification before."""
    for plan in _plans(path):
        if _text(plan, PLAN_NAME) == method:
            values = _tables(plan, PLAN_VALUES)
            inputs, outputs = ([_layout(values[i]) for i in _integers(plan, field)]
                               for field in (PLAN_INPUTS, PLAN_OUTPUTS))
            return inputs, outputs
    return [], []


def kernels(path: Path) -> list[str]:
    """Every kernel that the program calls outside its delegates, such as `aten::native_layer_norm.out`."""
    return [".".join(filter(None, (_text(operator, OPERATOR_NAME), _text(operator, OPERATOR_OVERLOAD))))
            for plan in _plans(path) for operator in _tables(plan, PLAN_OPERATORS)]


def backends(path: Path) -> list[str]:
    """The backend of every delegate, such as `XnnpackBackend`."""
    return [_text(delegate, DELEGATE_ID) for plan in _plans(path) for delegate in _tables(plan, PLAN_DELEGATES)]


def _plans(path: Path) -> list[Table]:
    data = path.read_bytes()
    return _tables(Table(data, encode.Get(uoffset, data, 0)), PROGRAM_PLANS)


def _layout(value: Table) -> Layout:
    kind = value.Offset(4 + 2 * VALUE_TYPE)
    if not kind or value.Get(number_types.Uint8Flags, value.Pos + kind) != TENSOR_TYPE:
        return "plain"
    tensor = Table(value.Bytes, value.Indirect(value.Pos + value.Offset(4 + 2 * VALUE)))
    order = _elements(tensor, TENSOR_DIM_ORDER, 1, number_types.Uint8Flags)
    if len(order) != 4:
        return "plain"
    return "channels_last" if order == CHANNELS_LAST else "nchw"


def _elements(table: Table, field: int, size: int, flags: type) -> list[int]:
    offset = table.Offset(4 + 2 * field)
    if not offset:
        return []
    start = table.Vector(offset)
    return [int(table.Get(flags, start + size * i)) for i in range(table.VectorLen(offset))]


def _integers(table: Table, field: int) -> list[int]:
    return _elements(table, field, 4, number_types.Int32Flags)


def _tables(table: Table, field: int) -> list[Table]:
    offset = table.Offset(4 + 2 * field)
    if not offset:
        return []
    start = table.Vector(offset)
    return [Table(table.Bytes, table.Indirect(start + 4 * i)) for i in range(table.VectorLen(offset))]


def _text(table: Table, field: int) -> str:
    offset = table.Offset(4 + 2 * field)
    return bytes(table.String(table.Pos + offset)).decode() if offset else ""
