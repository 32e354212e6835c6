"""Random networks whose answers depend on the photo, as a trained network's do.

Random BatchNorm statistics alone leave deep networks nearly constant: ShuffleNetV2's answers differed by 1e-5 between
photos, and agreement on them says little. Statistics measured on the photos make them as lively as BatchNorm keeps them
in training, and then networks without training are chaotic: float32's own error was 3e-5 for FBNet. Variances of 1.2
times the measured ones lie between: noise of 4e-7 to 4e-6 and a spread of 1e-3 to 0.7 in 17 networks of the zoo.
ResNet-101, the deepest, needs 1.3 (2e-6 and 0.3; 7e-6 with 1.2); two that calm down sooner need 1.1 (6e-7; 0.05, 0.07).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ghostdeploy.photos import real_photos
from ghostdeploy.preprocessing import Preprocessing
from ghostdeploy.untrained import randomise_norms

CALM = 1.2
CALM_OF = {"resnet101": 1.3, "mobileone_s1": 1.1, "repvit_m0_9": 1.1}


def settle(card: str, module: nn.Module, preprocessing: Preprocessing) -> nn.Module:
    """Random gammas and betas, and running statistics measured on the real photos, variances a little larger.

    In place; returns `module`, which is an architecture of `card`.
    """
    norms = [m for m in randomise_norms(module).modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None        # a plain average
        norm.train()
    photos = np.concatenate([preprocessing.tensor(photo.image) for photo in real_photos()])
    with torch.no_grad():
        module(torch.from_numpy(photos))
        for norm in norms:
            assert norm.running_var is not None
            norm.running_var.mul_(CALM_OF.get(card, CALM))
    return module.eval()
