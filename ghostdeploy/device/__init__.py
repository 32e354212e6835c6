"""Where a model runs. Today that is this machine; a phone will be another `Device`."""

from ghostdeploy.device.base import Core, Device, DeviceInfo, DeviceState
from ghostdeploy.device.finding import find, known
from ghostdeploy.device.job import Job, RoundReport, Run

__all__ = ["Core", "Device", "DeviceInfo", "DeviceState", "Job", "RoundReport", "Run", "find", "known"]
