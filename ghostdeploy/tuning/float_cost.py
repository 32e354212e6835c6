"""What it costs in latency to leave layers in float32."""

from __future__ import annotations

from ghostdeploy.device.local import LocalDevice
from ghostdeploy.parity import ArtifactUnderTest
from ghostdeploy.progress import Progress
from ghostdeploy.tensors import FloatArray
from ghostdeploy.tuning.meters import TimeMeter


def latency_over(kept: ArtifactUnderTest, whole: ArtifactUnderTest, sample: FloatArray, progress: Progress) -> float:
    """Latency of `kept` over that of `whole` for one `sample` [1, 3, H, W], on this machine, one thread, in turns.

    A ratio of medians of a few rounds: enough to decide by, and no latency to quote. A phone may differ; `bench` of two
    bundles says what it does there.

    Raises:
        ArtifactRejected, RunnerFailed: see `Device.run`.
    """
    with TimeMeter(LocalDevice()).measuring([kept, whole], progress) as costs:
        ours, theirs = costs([kept, whole], [sample])
    return ours / theirs
