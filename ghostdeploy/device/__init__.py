"""Where a model runs: this machine, or a phone."""

from ghostdeploy.device.base import Core, Device, DeviceInfo, DeviceState
from ghostdeploy.device.job import Job, RoundReport, Run
from ghostdeploy.device.lookup import opened

__all__ = ["Core", "Device", "DeviceInfo", "DeviceState", "Job", "RoundReport", "Run", "opened"]
