"""The official GhostNetV3 repository's tensor names, as timm's.

Both define the same module; the official one calls the BatchNorm of a re-parameterisation branch `bn`, timm calls it
`bn1`. In deployed form their names are the same. A rule from the two sources, not a guess: see timm's own
`checkpoint_filter_fn` in timm/models/ghostnet.py, which the tests hold this against.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_BRANCH_NORM = re.compile(r"(_rpr_(?:conv\.\d+|scale))\.bn\.")


def from_official(keys: Iterable[str]) -> dict[str, str] | None:
    """Official name -> timm's name for every key, or None where no key is of the official kind."""
    renamed = {key: _BRANCH_NORM.sub(r"\1.bn1.", key) for key in keys}
    return renamed if any(key != new for key, new in renamed.items()) else None
