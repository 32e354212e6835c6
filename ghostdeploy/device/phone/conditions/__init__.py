"""Everything about a phone that can be brought under control, one file each."""

from ghostdeploy.device.phone.conditions.airplane_mode import AIRPLANE_MODE
from ghostdeploy.device.phone.conditions.base import Setting
from ghostdeploy.device.phone.conditions.battery_saver import BATTERY_SAVER
from ghostdeploy.device.phone.conditions.fixed_performance import FIXED_PERFORMANCE
from ghostdeploy.device.phone.conditions.home_screen import HOME_SCREEN
from ghostdeploy.device.phone.conditions.screen import SCREEN
from ghostdeploy.device.phone.conditions.stay_awake import STAY_AWAKE

# In the order in which they are set; they are put back from the last to the first.
ALL: tuple[Setting, ...] = (SCREEN, STAY_AWAKE, BATTERY_SAVER, FIXED_PERFORMANCE, AIRPLANE_MODE)

__all__ = ["AIRPLANE_MODE", "ALL", "BATTERY_SAVER", "FIXED_PERFORMANCE", "HOME_SCREEN", "SCREEN", "STAY_AWAKE",
           "Setting"]
