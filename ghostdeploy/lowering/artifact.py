"""What a lowering returns: the bytes of an artifact and everything the manifest says about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from ghostdeploy.quantisation.sensitivity import Choice

Format = Literal["pte", "tflite", "onnx"]
Precision = Literal["fp32", "fp16", "int8", "mixed"]
# "mixed" is half precision on large maps and int8 on small ones (mixed.py). These are computed in half precision, at
# least in part, and those have steps that are read off real images.
HALF: Final[tuple[Precision, ...]] = ("fp16", "mixed")
CALIBRATED: Final[tuple[Precision, ...]] = ("int8", "mixed")
Layout = Literal["nchw", "nhwc", "channels_last", "plain"]


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of an artifact. `shape` is in the order of `layout`; `plain` is what is no map."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    layout: Layout
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True)
class Delegation:
    """How much of a graph runs in XNNPACK. `outside` maps each operator left out to its count."""

    delegates: int
    nodes_delegated: int
    nodes_outside: int
    outside: dict[str, int]

    @property
    def share(self) -> float:
        """Delegated share of the nodes, 0 to 1."""
        total = self.nodes_delegated + self.nodes_outside
        return self.nodes_delegated / total if total else 1.0


@dataclass(frozen=True)
class Stretch:
    """Operators of a `.tflite`, in a row, that compute one block of the model; see `ghostdeploy.blocks`."""

    block: str
    operators: int


@dataclass(frozen=True)
class RuntimeNeed:
    """The runtime an artifact needs: its name, the lowest version with every operator."""

    name: str
    minimum: str


@dataclass(frozen=True)
class Lowered:
    """One artifact, not yet written.

    Attributes:
        passes: what each rewrite changed, in the order they ran.
        stretches: of a `.tflite`, which of its operators belong to which block of the model, in their order.
        int8: of an artifact in int8 or mixed, what was decided, and the graph that torch runs with the same steps.
    """

    format: Format
    precision: Precision
    data: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    delegation: Delegation | None
    runtime: RuntimeNeed
    passes: tuple[tuple[str, int], ...] = ()
    stretches: tuple[Stretch, ...] = ()
    int8: Choice | None = field(default=None, repr=False, compare=False)
