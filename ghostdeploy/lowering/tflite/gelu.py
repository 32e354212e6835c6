"""GELU from operators that XNNPACK takes in TFLite 2.14, where GELU itself is not delegated.

x * Phi(x) = x * sigmoid(x * f(x^2)), f being the log-odds of the normal distribution over x: an even, smooth function,
so a polynomial of degree 6 in x^2 gives GELU within 7e-8 of its value anywhere (float32 GELU in torch is within 4e-7).
Seventeen cheap operators; for RepViT-M0.9 (27 GELUs, one x86 thread) the graph goes from 28 delegates to 1 on TFLite
2.14 and from 80 ms to 57 ms, and on LiteRT, which does delegate GELU, from 22 ms to 28 ms. So files for phones have
these operators, and others have GELU itself.
"""

from __future__ import annotations

import math

from torch.fx import Node

from ghostdeploy.lowering.passes.aten import aten
from ghostdeploy.lowering.tflite.activations import through
from ghostdeploy.lowering.tflite.emission import Emission
from ghostdeploy.lowering.tflite.registry import emits

# Minimax for |x^2 Phi(x) Phi(-x) (f - polynomial)|, the error of GELU, on |x| <= 5.5 (linear programme, 4000 points).
# Beyond, x^2 is held at 5.5^2: what GELU lacks there of x or of 0 is under 1.1e-7.
LOG_ODDS = (1.5957684321302616, 0.0726685674072357, -6.626027169775789e-05, -0.00011048023809016392,
            7.938209041445697e-06, -2.66892255080428e-07, 3.6112211718091142e-09)
FAR = 5.5 ** 2
TANH_FORM = (2 * math.sqrt(2 / math.pi), 2 * math.sqrt(2 / math.pi) * 0.044715)  # 0.5 (1 + tanh(z)) is sigmoid(2 z)


@emits(aten.gelu.default)
def gelu(e: Emission, node: Node) -> None:
    """Exact or tanh form, as the model has it."""
    x, out = through(e, node)
    tanh = node.kwargs.get("approximate", "none") == "tanh"
    if not e.phones and not tanh:
        e.unary("GELU", x, out, "GeluOptions", approximate=False)
        return
    square = e.binary("MUL", x, x)
    if tanh:
        odds = _polynomial(e, square, TANH_FORM)
    else:
        odds = _polynomial(e, e.binary("MINIMUM", square, e.scalar(FAR)), LOG_ODDS)
    e.binary("MUL", x, e.unary("LOGISTIC", e.binary("MUL", odds, x)), out)


def _polynomial(e: Emission, t: int, coefficients: tuple[float, ...]) -> int:
    """Horner's rule; coefficients from the constant one up."""
    *lower, highest = coefficients
    value = e.binary("MUL", t, e.scalar(highest))
    for coefficient in lower[:0:-1]:
        value = e.binary("MUL", e.binary("ADD", value, e.scalar(coefficient)), t)
    return e.binary("ADD", value, e.scalar(lower[0]))
