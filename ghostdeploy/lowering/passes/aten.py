"""The ATen operator namespace, typed once (`torch.ops` builds its attributes at run time)."""

from __future__ import annotations

from typing import Any

import torch

aten: Any = torch.ops.aten
