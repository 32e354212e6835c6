"""What can go wrong with phones, and with what is fetched and built for them. Rules: `ghostdeploy.errors`."""

from __future__ import annotations

from ghostdeploy.errors import DeviceError, InputError

# ---- reaching a phone -------------------------------------------------------------------------------------------


class DeviceAmbiguous(DeviceError):
    """Raised when several phones are attached and none was named."""

    code = "device-ambiguous"


class DeviceUnauthorized(DeviceError):
    """Raised when the phone has not been told to trust this computer."""

    code = "device-unauthorized"


class DeviceOffline(DeviceError):
    """Raised when adb sees the phone and gets no answer from it."""

    code = "device-offline"


class DeviceNoPermission(DeviceError):
    """Raised when this user may not open the phone's USB device."""

    code = "device-no-permission"


class DeviceBusy(DeviceError):
    """Raised when another program owns the phone's USB connection."""

    code = "device-busy"


class DeviceLost(DeviceError):
    """Raised when the connection to a phone broke, or the phone went away."""

    code = "device-lost"


class DeviceHung(DeviceError):
    """Raised when a phone did not answer by the deadline."""

    code = "device-hung"


class DeviceRebooted(DeviceError):
    """Raised when the phone was restarted in the middle of a benchmark."""

    code = "device-rebooted"


class DeviceUnsuitable(DeviceError):
    """Raised when a phone cannot run the benchmark at all: too old, another ABI, too little space, a page size."""

    code = "device-unsuitable"


class DeviceNotReady(DeviceError):
    """Raised when a preflight finding refuses the run; `--allow NAME` overrules it, and the result says so."""

    code = "device-not-ready"


class AdbProblem(DeviceError):
    """Raised when the adb server, its client or the keys do not do what is needed."""

    code = "adb"


class PushFailed(DeviceError):
    """Raised when a file cannot be written on the phone, or arrives changed."""

    code = "push-failed"


class PullFailed(DeviceError):
    """Raised when a file of the phone cannot be read."""

    code = "pull-failed"


# ---- what runs there --------------------------------------------------------------------------------------------


class RuntimeRejected(InputError):
    """Raised when a library given with `--runtime` is not one that the runner and the phone can load."""

    code = "runtime-rejected"


class RunnerMissing(DeviceError):
    """Raised when the phone's benchmark programs are neither in the package nor can be built here."""

    code = "runner-missing"


class EmulatorMissing(DeviceError):
    """Raised when arm64 programs are to run on this machine and qemu or its C library is not installed."""

    code = "emulator-missing"
