"""Which form of a graph is fastest where: measured site by site, kept in a profile, applied by `export`."""

from ghostdeploy.tuning.profile import Measured, Profile, SiteCost, Target, shipped

__all__ = ["Measured", "Profile", "SiteCost", "Target", "shipped"]
