"""Re-parameterisation for training: convolutions become sums of branches that fusion merges again.

    branches        the sum of convolution-BatchNorm branches that stands for one convolution and its BatchNorm
    sites           which convolutions of a model that can be, and why others cannot
    training_form   all of it in order: the verb `ghostdeploy.reparam`
    ghostnetv3      the same for GhostNetV3, in timm's own form
"""

from __future__ import annotations

from ghostdeploy.branching.sites import Kept, Site
from ghostdeploy.branching.training_form import Reparameterised, reparam

__all__ = ["Kept", "Reparameterised", "Site", "reparam"]
