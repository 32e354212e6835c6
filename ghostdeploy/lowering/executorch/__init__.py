"""Fused ATen graph -> .pte for ExecuTorch's XNNPACK delegate."""

from ghostdeploy.lowering.executorch.lower import lower_pte

__all__ = ["lower_pte"]
