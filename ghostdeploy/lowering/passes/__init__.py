"""Exact rewrites of functional ATen graphs, one per file; `run` in `base` applies them.

None names a model and none belongs to one backend: each lowering lists, in order, those that its delegate needs, with
the form that suits it.
"""

from ghostdeploy.lowering.passes.adaptive_pool import AdaptivePoolAsPool
from ghostdeploy.lowering.passes.alternative import Alternative
from ghostdeploy.lowering.passes.attention_products import AttentionAsProducts
from ghostdeploy.lowering.passes.average_pools import AveragePoolAsDepthwise
from ghostdeploy.lowering.passes.base import Outcome, Refusal, Rewrite, run
from ghostdeploy.lowering.passes.ceil_pool import DropCeilMode
from ghostdeploy.lowering.passes.concatenation_past_depthwise import ConcatenationPastDepthwise
from ghostdeploy.lowering.passes.empty_padding import ExcludeEmptyPadding
from ghostdeploy.lowering.passes.five_taps import FiveTapsAsThreeAndThree
from ghostdeploy.lowering.passes.flat_views import SpellAsView
from ghostdeploy.lowering.passes.float_scalars import FloatScalars
from ghostdeploy.lowering.passes.full_tiles import FullTiles
from ghostdeploy.lowering.passes.hard_sigmoid import HardSigmoidAsClamp
from ghostdeploy.lowering.passes.hardtanh_limits import SpellHardtanhLimits
from ghostdeploy.lowering.passes.identity_taps import IdentityTaps
from ghostdeploy.lowering.passes.keepdim_mean import KeepdimMean
from ghostdeploy.lowering.passes.known_values import FoldKnownValues
from ghostdeploy.lowering.passes.layer_norm_products import LayerNormAsProducts
from ghostdeploy.lowering.passes.loose_views import LoosenViews
from ghostdeploy.lowering.passes.merged_permutes import MergePermutes
from ghostdeploy.lowering.passes.nearest_gather import NearestAsGather
from ghostdeploy.lowering.passes.nearest_slices import NearestAsSlices
from ghostdeploy.lowering.passes.noops import DropNoops
from ghostdeploy.lowering.passes.norm_affine import NormAffineIntoLinear
from ghostdeploy.lowering.passes.pointwise_of_concatenation import PointwiseOfConcatenation
from ghostdeploy.lowering.passes.select_slice import SelectAsSlice
from ghostdeploy.lowering.passes.shuffle_into_weights import ShuffleIntoWeights
from ghostdeploy.lowering.passes.silu_product import SiluAsProduct
from ghostdeploy.lowering.passes.split_projection import SplitProjection
from ghostdeploy.lowering.passes.split_slices import SplitAsSlices
from ghostdeploy.lowering.passes.wide_depthwise import WideDepthwiseAsSum
from ghostdeploy.lowering.site import Wanted

__all__ = ["AdaptivePoolAsPool", "Alternative", "AttentionAsProducts", "AveragePoolAsDepthwise",
           "ConcatenationPastDepthwise", "DropCeilMode", "DropNoops", "ExcludeEmptyPadding", "FiveTapsAsThreeAndThree",
           "FloatScalars", "FoldKnownValues", "FullTiles", "HardSigmoidAsClamp", "IdentityTaps", "KeepdimMean",
           "LayerNormAsProducts", "LoosenViews", "MergePermutes", "NearestAsGather", "NearestAsSlices",
           "NormAffineIntoLinear", "Outcome", "PointwiseOfConcatenation", "Refusal", "Rewrite", "SelectAsSlice",
           "ShuffleIntoWeights", "SiluAsProduct", "SpellAsView", "SpellHardtanhLimits", "SplitAsSlices",
           "SplitProjection", "WideDepthwiseAsSum", "alternatives", "run"]


def alternatives(wanted: Wanted) -> tuple[Alternative, ...]:
    """The rewrites that pay at some shapes only, in the order in which they apply.

    Where two fit, the larger saving comes first. GhostNetV3 1.0x, x86, microseconds of the sites alone: 244 past a
    depthwise convolution against 172 by identity taps in block 1, 126 by identity taps against 43 by a sum in block 0.
    """
    return tuple(kind(wanted) for kind in (ConcatenationPastDepthwise, IdentityTaps, FullTiles,
                                           PointwiseOfConcatenation, FiveTapsAsThreeAndThree))
