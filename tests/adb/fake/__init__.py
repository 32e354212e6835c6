"""A phone's side of ADB over TCP, with faults on request. See `FakePhone`."""

from tests.adb.fake.faults import Fault
from tests.adb.fake.phone import ANDROID_6, MODERN, FakePhone

__all__ = ["ANDROID_6", "MODERN", "FakePhone", "Fault"]
