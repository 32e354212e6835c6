"""What int8 does to the answers of a model, as its user has to know it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ghostdeploy.parity import Parity

if TYPE_CHECKING:
    from ghostdeploy.quantisation.sensitivity import LayerLoss


@dataclass(frozen=True)
class Quality:
    """Of one int8 artifact.

    Attributes:
        simulated_error: relative error against the checkpoint of the graph with the same steps, run in torch.
        calibrated_with: number of images.
        kept_float, losses: see `sensitivity.Choice`.
        latency_over_int8: latency over that without any layer in float32, on the machine that exported; None where
            there is none.
        held_out: agreement with the checkpoint on images that were not among those. Reported, never enforced.
    """

    simulated_error: float
    calibrated_with: int
    held_out: Parity
    kept_float: tuple[str, ...] = ()
    losses: tuple[LayerLoss, ...] = ()
    latency_over_int8: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the manifest has it."""
        found = self.held_out
        cost = {} if self.latency_over_int8 is None else {"latency_over_int8": self.latency_over_int8}
        return {**cost, "simulated_error": self.simulated_error, "calibrated_with": self.calibrated_with,
                "kept_float": list(self.kept_float), "sensitivity": [asdict(loss) for loss in self.losses],
                "held_out": {"images": found.inputs, "snr_db": found.snr_db, "top1_agreement": found.top1_agreement,
                             "top5_agreement": found.top5_agreement}}
