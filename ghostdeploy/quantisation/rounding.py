"""Rounding weights so that what a layer answers changes least, not what its weights are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

# Share of the mean moment that is added to each: inputs that were never seen apart stay solvable.
DAMPING: Final = 0.01


def rounded(weight: npt.NDArray[Any], scales: npt.NDArray[Any], moments: torch.Tensor,
            limit: int) -> npt.NDArray[np.float64]:
    """Whole numbers for a weight [out, ...] in steps of `scales` [out], within ± `limit`.

    Tap after tap is rounded, and what that made wrong is taken up by the taps that are still to come, as far as they
    see the same inputs: `moments` [groups, taps, taps] says how far (Frantar et al. 2022, "GPTQ", algorithm 1, without
    its blocks). EfficientNet-Lite0 whole in int8, 186 photos not calibrated with: 23.3 instead of 20.5 dB, top-1 agrees
    on 95.7 instead of 93.0 %.
    """
    groups, taps = moments.shape[:2]
    steps = torch.from_numpy(scales.astype(np.float64)).reshape(groups, -1)
    left = torch.from_numpy(weight.astype(np.float64)).reshape(groups, -1, taps).clone()
    damped = moments + torch.diag_embed((DAMPING * moments.diagonal(dim1=1, dim2=2).mean(1) + 1e-12)[:, None]
                                        .expand(groups, taps))
    follow = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    found = torch.empty_like(left)
    for tap in range(taps):
        found[:, :, tap] = torch.round(left[:, :, tap] / steps).clamp(-limit, limit)
        error = (left[:, :, tap] - found[:, :, tap] * steps) / follow[:, None, tap, tap]
        left[:, :, tap + 1:] -= error[:, :, None] * follow[:, None, tap, tap + 1:]
    return found.reshape(weight.shape).numpy()
