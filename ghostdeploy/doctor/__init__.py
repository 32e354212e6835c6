"""Is everything there that measuring a phone needs? Each finding comes with the next command."""

from ghostdeploy.doctor.check import Check

__all__ = ["Check"]
