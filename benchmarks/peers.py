"""Who is compared. Each peer at the settings that its own authors recommend for latency on a CPU, named in words."""

from __future__ import annotations

from dataclasses import dataclass

from ghostdeploy.errors import UsageError

# What an export depends on, besides the weights and the versions of packages: a change makes a new file.
FUSION = ("ghostdeploy/fusion", "ghostdeploy/trace.py", "ghostdeploy/functional.py", "ghostdeploy/graph.py")
LOWERING = (*FUSION, "ghostdeploy/lowering")
OURS = (*LOWERING, "ghostdeploy/tuning", "ghostdeploy/profiles")


@dataclass(frozen=True)
class Peer:
    """One way from a checkpoint to inferences.

    Attributes:
        exporter: in `benchmarks.exporters`, with the file's suffix.
        runtime: in `benchmarks.runtimes`; None for what is exported for its time and memory alone.
        makers: distributions that make the file; another version makes another file.
        runners: distributions that run it.
        environment: None for the base one, else `benchmarks/requirements-NAME.txt`.
        sources: files and directories of ours that the export goes through.
        quick: part of the quick mode.
    """

    name: str
    title: str
    ours: bool
    exporter: str
    suffix: str
    runtime: str | None
    settings: str
    makers: tuple[str, ...]
    runners: tuple[str, ...]
    environment: str | None = None
    sources: tuple[str, ...] = ()
    quick: bool = True


PEERS = (
    Peer("ours-pte", "ghostdeploy .pte", True, "ours-pte", ".pte", "executorch", "--target host",
         ("executorch", "torch"), ("executorch",), sources=OURS),
    Peer("ours-tflite", "ghostdeploy .tflite", True, "ours-tflite", ".tflite", "tflite", "--target host; XNNPACK",
         ("ai-edge-litert", "torch"), ("ai-edge-litert",), sources=OURS),
    Peer("ours-both", "ghostdeploy, both formats at once", True, "ours-both", ".tflite", None, "one fusion",
         ("executorch", "ai-edge-litert", "torch"), (), sources=OURS,
         quick=False),
    Peer("executorch", "stock ExecuTorch", False, "executorch", ".pte", "executorch",
         "XnnpackPartitioner, defaults; the graph as trained", ("executorch", "torch"), ("executorch",), quick=False),
    Peer("executorch-fused", "stock ExecuTorch, fused", False, "executorch-fused", ".pte", "executorch",
         "XnnpackPartitioner, defaults; our fused graph", ("executorch", "torch"), ("executorch",), sources=FUSION),
    Peer("litert-torch", "litert-torch", False, "litert-torch", ".tflite", "tflite",
         "defaults; XNNPACK; branches merged by timm", ("litert-torch", "litert-converter", "torch"),
         ("ai-edge-litert",), "litert", quick=False),
    Peer("onnxruntime", "ONNX Runtime", False, "onnx", ".onnx", "onnxruntime",
         "all graph optimisations; .onnx of our fused graph", ("torch", "onnxsim"), ("onnxruntime",),
         sources=LOWERING),
    Peer("openvino", "OpenVINO", False, "onnx", ".onnx", "openvino",
         "latency hint, float32 hint; .onnx of our fused graph", ("torch", "onnxsim"), ("openvino",), "openvino",
         LOWERING, quick=False),
    Peer("ncnn", "ncnn", False, "ncnn", ".param", "ncnn", "pnnx of our fused graph; fp16 off, packing on",
         ("pnnx", "torch"), ("ncnn",), "ncnn", FUSION, quick=False),
    Peer("eager", "torch eager", False, "eager", ".pt", "eager", "our fused graph; the faster memory format",
         ("torch",), ("torch",), sources=FUSION),
    Peer("inductor", "torch inductor", False, "inductor", ".pt2", "inductor",
         "our fused graph, ahead of time; freezing, no max-autotune", ("torch",), ("torch",), sources=FUSION,
         quick=False),
)


def chosen(names: tuple[str, ...]) -> tuple[Peer, ...]:
    """The peers of these names, in the order of `PEERS`.

    Raises:
        UsageError: nobody has a name among them.
    """
    known = {peer.name for peer in PEERS}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"no such peer: {', '.join(unknown)}", "", f"choose from {', '.join(p.name for p in PEERS)}")
    return tuple(peer for peer in PEERS if peer.name in names)
