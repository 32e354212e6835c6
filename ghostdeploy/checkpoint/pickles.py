"""Reads the opcodes of a pickle without executing any, and refuses all but plain tensors in plain containers.

torch's own `weights_only` unpickler runs after this, and is the second guard. It alone does not do: what it allows
includes `bytearray(10**12)` and sparse tensors of any size, and its messages tell users how to switch it off.
"""

from __future__ import annotations

import pickletools
from io import BytesIO

from ghostdeploy.errors import CheckpointFormat, CheckpointUnsafe
from ghostdeploy.wording import first_sentence

_STORAGES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
_DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")

# Everything that a checkpoint needs to name. `argparse.Namespace` is the `args` entry that timm's trainer saves: an
# empty class whose only state is a dictionary.
ALLOWED = frozenset({
    "collections OrderedDict", "collections defaultdict", "builtins set", "__builtin__ set", "argparse Namespace",
    "torch Size", "torch device", "torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter", "torch.storage UntypedStorage",
    *(f"torch {name}Storage" for name in _STORAGES), *(f"torch.cuda {name}Storage" for name in _STORAGES),
    *(f"torch {name}" for name in _DTYPES),
})
# Ways to name or make an object that torch.save's pickle protocol 2 does not use.
FOREIGN_OPCODES = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID"})
# The pickle of a training checkpoint with 2000 tensors and its optimizer is 2 MB; the tensors' values lie outside.
MAX_PICKLE = 64 << 20


def check(path: object, pickle: BytesIO) -> None:
    """Step over one pickle, from the stream's position to its end.

    Raises:
        CheckpointUnsafe: it names anything that is not a plain tensor or container; the sentence says what.
        CheckpointFormat: it is damaged or truncated.
    """
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(pickle):
            if opcode.name == "GLOBAL" and argument not in ALLOWED:
                raise refusal(path, str(argument).replace(" ", "."))
            if opcode.name in FOREIGN_OPCODES:
                named = ".".join(texts[-2:]) if opcode.name == "STACK_GLOBAL" else str(argument).replace(" ", ".")
                raise refusal(path, named)
            if isinstance(argument, str) and opcode.name != "GLOBAL":
                texts = [*texts[-1:], argument]
    except (ValueError, UnicodeDecodeError, IndexError, OverflowError) as error:
        raise CheckpointFormat(f"{path} is damaged or truncated", f"its pickle cannot be read: {first_sentence(error)}",
                               "fetch or save the file again") from error


def refusal(path: object, named: str) -> CheckpointUnsafe:
    """The error for a pickle that names an object which is no plain tensor."""
    return CheckpointUnsafe(f"{path} holds more than plain tensors: {named}",
                            "a pickle that makes other objects can run any code; nothing of it was run",
                            "save the weights alone: torch.save(model.state_dict(), ...), or as .safetensors")
