"""int8: which nodes of a graph are computed in it, in which steps, and what that does to the answers.

    params      steps of a tensor, weights in int8
    kinds       which nodes can be int8, and which need equal steps on both sides
    observation what the values of a graph are on real inputs
    taps        what the taps of a layer see
    rounding    weights rounded so that answers change least
    plan        all of it together, for the very graph that is lowered
    simulated   a plan as a graph that torch runs and ExecuTorch lowers
    sensitivity which layers lose most, and which to leave in float32
    images      the user's images: most to calibrate with, some kept back
    quality     what int8 does to the answers
"""

from ghostdeploy.quantisation.params import QuantParams
from ghostdeploy.quantisation.plan import FLOAT_ONLY, Calibration, Quantisation, required

__all__ = ["FLOAT_ONLY", "Calibration", "QuantParams", "Quantisation", "required"]
