"""Who is compared, by arm64 instructions: peers as the comparison of latencies has them, each with a precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.peers import FUSION, LOWERING, Peer
from benchmarks.peers import OURS as SOURCES
from ghostdeploy.lowering.artifact import Format, Precision

MAKERS: Final[dict[Format, tuple[str, ...]]] = {"pte": ("executorch", "torch"), "tflite": ("ai-edge-litert", "torch")}


@dataclass(frozen=True)
class Contestant:
    """A peer whose file a phone runs.

    Attributes:
        half_arithmetic: the runtime is asked for it.
    """

    peer: Peer
    format: Format
    precision: Precision
    half_arithmetic: bool = False

    @property
    def name(self) -> str:
        """As the table has it; with the precision it is one of its kind."""
        return self.peer.title


def _ours(format: Format, precision: Precision) -> Contestant:
    exporter = f"android-{format}-{precision}"
    peer = Peer(exporter, f"ours .{format}", True, exporter, f".{format}", None, "--target android", MAKERS[format], (),
                sources=SOURCES)
    return Contestant(peer, format, precision, half_arithmetic=(format, precision) == ("tflite", "fp16"))


def _stock(title: str, exporter: str, settings: str, sources: tuple[str, ...]) -> Peer:
    return Peer(exporter, title, False, exporter, ".pte", None, settings, ("executorch", "torchao", "torch"), (),
                sources=sources)


def _litert(exporter: str, settings: str, *makers: str) -> Peer:
    return Peer(exporter, "litert-torch", False, exporter, ".tflite", None, settings,
                ("litert-torch", "litert-converter", *makers, "torch"), (), "litert")


def _onnx(exporter: str, settings: str, *makers: str) -> Peer:
    return Peer(exporter, "ONNX Runtime, fused by us", False, exporter, ".onnx", None, settings,
                ("torch", "onnxsim", *makers), (), sources=LOWERING)


_FUSED: Final = "stock ExecuTorch, fused by us"
_CONVERTED: Final = _litert("litert-torch", "defaults; branches merged by timm")

CONTESTANTS: Final = (
    _ours("pte", "fp32"),
    _ours("tflite", "fp32"),
    Contestant(_stock(_FUSED, "executorch-fused", "XnnpackPartitioner, defaults", FUSION), "pte", "fp32"),
    Contestant(_stock("stock ExecuTorch, unfused", "executorch", "XnnpackPartitioner, defaults", ()), "pte", "fp32"),
    Contestant(_CONVERTED, "tflite", "fp32"),
    Contestant(_onnx("onnx", "all graph optimisations"), "onnx", "fp32"),
    _ours("pte", "fp16"),
    _ours("tflite", "fp16"),
    Contestant(_stock(_FUSED, "executorch-fp16", "the graph cast to half", FUSION), "pte", "fp16"),
    Contestant(_CONVERTED, "tflite", "fp16", half_arithmetic=True),
    _ours("pte", "int8"),
    _ours("tflite", "int8"),
    Contestant(_stock(_FUSED, "executorch-int8", "PT2E, XNNPACKQuantizer, per channel", FUSION), "pte", "int8"),
    Contestant(_litert("litert-torch-int8", "static_wi8_ai8 of ai-edge-quantizer, its constants put "
                       "where TFLite 2.14 finds them", "ai-edge-quantizer"),
               "tflite", "int8"),
    Contestant(_onnx("onnx-int8", "static QDQ, per channel", "onnxruntime"), "onnx", "int8"),
    _ours("pte", "mixed"),
)
OURS: Final = tuple(contestant for contestant in CONTESTANTS if contestant.peer.ours)
