"""int8: which nodes of a graph are computed in it, in which steps, and what that does to the answers.

    params      steps of a tensor, weights in int8
    kinds       which nodes can be int8, and which need equal steps on both sides
    observation what the values of a graph are on real inputs
    plan        the three together, for the very graph that is lowered
    simulated   a plan as a graph that torch runs and ExecuTorch lowers
"""

from torch.fx import GraphModule

from ghostdeploy.quantisation.params import QuantParams
from ghostdeploy.quantisation.plan import FLOAT_ONLY, Calibration, Quantisation, plan, required

__all__ = ["FLOAT_ONLY", "Calibration", "QuantParams", "Quantisation", "plan", "required", "simulation"]


def simulation(module: GraphModule, found: Quantisation) -> GraphModule | None:
    """`simulated.simulated`, imported only where something is in int8: it takes a second."""
    if not found.int8:
        return None
    from ghostdeploy.quantisation.simulated import simulated

    return simulated(module, found)
