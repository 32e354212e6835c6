"""The rewrites that bring a graph into the forms that ExecuTorch's XNNPACK partitioner takes, in order."""

from __future__ import annotations

from torch.fx import Node

from ghostdeploy.lowering.artifact import CALIBRATED, HALF, Precision
from ghostdeploy.lowering.passes import (
    AdaptivePoolAsPool,
    AttentionAsProducts,
    AveragePoolAsDepthwise,
    DropCeilMode,
    DropNoops,
    ExcludeEmptyPadding,
    FloatScalars,
    FoldKnownValues,
    HardSigmoidAsClamp,
    KeepdimMean,
    LayerNormAsProducts,
    LoosenViews,
    MergePermutes,
    NearestAsSlices,
    NormAffineIntoLinear,
    Rewrite,
    SelectAsSlice,
    ShuffleIntoWeights,
    SiluAsProduct,
    SpellAsView,
    SpellHardtanhLimits,
    SplitAsSlices,
    SplitProjection,
    WideDepthwiseAsSum,
    alternatives,
)
from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.passes.nearest_index import doubles
from ghostdeploy.lowering.site import Wanted, nowhere

# Most inputs of one concatenation in ExecuTorch's XNNPACK schema (XNNConcatenate5).
CONCATENATION = 5


def rewrites(plugin: bool, wanted: Wanted = nowhere, precision: Precision = "fp32") -> tuple[Rewrite, ...]:
    """Every pass, in order; alternatives apply where they are `wanted`.

    Average pools are outside of XNNPACK in int8, depthwise convolutions are not. Means and adaptive pools come before
    the pools that they turn into; with `plugin`, doublings stay for it. Full-range slices that the later passes leave
    behind are no-ops again.
    """
    return (
        FoldKnownValues(),
        DropNoops(),
        ShuffleIntoWeights(),
        *alternatives(wanted),
        SplitProjection(),
        LoosenViews(),
        NormAffineIntoLinear(),
        LayerNormAsProducts(half=precision in HALF),
        AttentionAsProducts(),
        MergePermutes(),
        SelectAsSlice(),
        SpellAsView(),
        KeepdimMean(),
        AdaptivePoolAsPool(),
        AveragePoolAsDepthwise("every" if precision in CALIBRATED else "counted"),
        WideDepthwiseAsSum(),
        ExcludeEmptyPadding(),
        DropCeilMode(),
        SplitAsSlices(),
        FloatScalars(constants=precision in HALF),
        SpellHardtanhLimits(),
        HardSigmoidAsClamp(unit=True),
        SiluAsProduct(),
        NearestAsSlices(keep=for_plugin if plugin else _never, fan_in=CONCATENATION),
        DropNoops(),
    )


def for_plugin(node: Node) -> bool:
    """A doubling, which the plug-in writes."""
    return node.target is aten.upsample_nearest2d.vec and doubles(node)


def _never(node: Node) -> bool:
    return False
