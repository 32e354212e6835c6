"""What the scripted commands answer, and what they change: README.md of this folder, line by line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.phone import root
from tests.phone.machine import Machine

HOME = "cmd package resolve-activity --brief -c android.intent.category.HOME -a android.intent.action.MAIN"
LAUNCHER = "com.google.android.apps.nexuslauncher/.NexusLauncherActivity"


@dataclass(frozen=True)
class Phone:
    """A phone without adbd: these are about the shell."""

    machine: Machine
    initial: dict[str, str]

    def run(self, command: str) -> tuple[int, str, str]:
        ended = subprocess.run(self.machine.inside(command), capture_output=True, text=True, timeout=30)
        return ended.returncode, ended.stdout, ended.stderr

    def says(self, command: str) -> str:
        status, out, err = self.run(command)
        assert (status, err) == (0, ""), (command, status, err)
        return out

    def state(self, name: str) -> Path:
        return self.machine.directory / root.STATE / name

    def snapshot(self) -> dict[str, str]:
        folder = self.state("")
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}

    def restore(self) -> None:
        for name, text in self.initial.items():
            self.state(name).write_text(text)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with root.fresh() as directory, Machine(directory) as machine:
        yield machine


@pytest.fixture
def phone(machine: Machine) -> Iterator[Phone]:
    phone = Phone(machine, Phone(machine, {}).snapshot())
    yield phone
    assert phone.snapshot().keys() == phone.initial.keys(), "a command left a file behind"
    phone.restore()


def test_properties(phone: Phone) -> None:
    assert "[ro.product.cpu.abi]: [arm64-v8a]\n" in phone.says("getprop")
    assert all(line.startswith("[") and "]: [" in line and line.endswith("]")
               for line in phone.says("getprop").splitlines())
    assert phone.says("getprop ro.build.version.sdk") == "34\n"
    assert phone.says("getprop ro.no.such") == "\n"
    assert phone.says("getprop ro.no.such other") == "other\n"
    assert phone.says("setprop debug.x 'a b=c'; getprop debug.x") == "a b=c\n"
    status, out, err = phone.run("setprop ro.product.model x")
    assert (status, out) == (1, "") and "Failed to set property 'ro.product.model' to 'x'" in err


def test_settings(phone: Phone) -> None:
    assert phone.says("settings get global stay_on_while_plugged_in") == "null\n"
    assert phone.says("settings put global stay_on_while_plugged_in 7") == ""
    assert phone.says("settings get global stay_on_while_plugged_in") == "7\n"
    assert "stay_on_while_plugged_in=7\n" in phone.says("settings list global")
    assert phone.says("settings delete global stay_on_while_plugged_in") == "Deleted 1 rows\n"
    assert phone.says("settings delete global stay_on_while_plugged_in") == "Deleted 0 rows\n"
    assert phone.snapshot()["settings/global"] == phone.initial["settings/global"]
    assert phone.says("settings get --user 0 secure default_input_method").startswith("com.google.android.inputmethod")
    status, _, err = phone.run("settings get nowhere x")
    assert status == 255 and err == "Invalid namespace 'nowhere'\n"


def test_unknown_services_and_words(phone: Phone) -> None:
    assert phone.run("dumpsys nosuch") == (0, "", "Can't find service: nosuch\n")
    assert phone.run("cmd nosuch x") == (20, "", "cmd: Can't find service: nosuch\n")
    assert phone.run("cmd power nosuch") == (255, "Unknown command: nosuch\n", "")
    assert phone.run("pm nosuch") == (255, "Unknown command: nosuch\n", "")
    assert "  thermalservice\n" in phone.says("dumpsys -l")


def test_battery_and_thermal_are_the_files(phone: Phone) -> None:
    assert phone.says("dumpsys battery") == phone.state("battery").read_text()
    phone.state("battery").write_text("Current Battery Service state:\n  level: 5\n")
    assert "  level: 5\n" in phone.says("dumpsys battery")
    said = phone.says("dumpsys thermalservice")
    assert "\nThermal Status: 0\nCached temperatures:\n\tTemperature{mValue=31.7, mType=3, mName=VIRTUAL-SKIN" in said
    assert "\nCurrent temperatures from HAL:\n\tTemperature{mValue=41.2, mType=0, mName=LITTLE, mStatus=0}\n" in said


def test_packages(phone: Phone) -> None:
    third = phone.says("pm list packages -3").splitlines()
    assert "package:com.example.chat" in third and "package:android" not in third and len(third) == 7
    assert phone.says("cmd package list packages -3 --user 0").splitlines() == third
    assert len(phone.says("pm list packages").splitlines()) == 14
    assert phone.says("pm list packages -U com.example.chat") == "package:com.example.chat uid:10151\n"
    assert phone.says("pm path com.example.chat").startswith("package:/data/app/")
    assert phone.run("pm path com.example.none") == (1, "", "")
    assert phone.says(HOME).splitlines()[1:] == [LAUNCHER]
    assert phone.says("cmd role get-role-holders --user 0 android.app.role.HOME") == f"{LAUNCHER.split('/')[0]}\n"
    assert "    versionName=3.40.0\n" in phone.says("dumpsys package com.example.chat")


def test_closing_apps(phone: Phone) -> None:
    assert phone.says("am force-stop --user current com.example.game") == ""
    assert phone.says("am force-stop com.example.none") == ""
    assert "com.example.game third 10152 stopped\n" in phone.state("packages").read_text()
    assert phone.state("focus").read_text() == f"{LAUNCHER}\n"     # it was in front
    assert phone.says("am kill-all") == ""
    assert "com.example.chat third 10151 idle\n" in phone.state("packages").read_text()
    assert phone.state("commands.log").read_text().splitlines() == [
        "am force-stop --user current com.example.game", "am force-stop com.example.none", "am kill-all"]


def test_screen_and_lock(phone: Phone) -> None:
    phone.says("input keyevent KEYCODE_POWER")
    assert "  mWakefulness=Asleep\n" in phone.says("dumpsys power")
    assert "      showing=true\n" in phone.says("dumpsys window")
    phone.says("wm dismiss-keyguard")
    assert "      showing=true\n" in phone.says("dumpsys window policy")      # it sleeps
    phone.says("input keyevent 224; wm dismiss-keyguard; input keyevent KEYCODE_HOME")
    assert "  mWakefulness=Awake\n" in phone.says("dumpsys power")
    said = phone.says("dumpsys window")
    assert "      showing=false\n" in said and f"  mCurrentFocus=Window{{5d0f4c1 u0 {LAUNCHER}}}\n" in said
    phone.state("keyguard").write_text("showing=true\nsecure=true\n")
    phone.says("wm dismiss-keyguard")
    assert "      showing=true\n" in phone.says("dumpsys window")      # someone must type the code


def test_stay_on_and_power(phone: Phone) -> None:
    assert "  mStayOn=false\n" in phone.says("dumpsys power")
    phone.says("svc power stayon usb")
    assert "  mStayOn=true\n" in phone.says("dumpsys power")
    phone.says("settings put global stay_on_while_plugged_in 1")       # only on AC, and this is USB
    assert "  mStayOn=false\n" in phone.says("dumpsys power")
    phone.says("cmd power set-fixed-performance-mode-enabled true")
    assert phone.state("fixed_performance").read_text() == "true\n"
    phone.state("fixed_performance").write_text("unsupported\n")
    status, _, err = phone.run("cmd power set-fixed-performance-mode-enabled true")
    assert status == 255 and err.startswith("Failed to set FIXED_PERFORMANCE mode\n")


def test_radios(phone: Phone) -> None:
    assert phone.says("cmd connectivity airplane-mode") == "disabled\n"
    phone.says("cmd connectivity airplane-mode enable; svc wifi disable; svc data disable")
    assert phone.says("cmd connectivity airplane-mode; settings get global airplane_mode_on") == "enabled\n1\n"
    assert phone.says("settings get global wifi_on; settings get global mobile_data") == "0\n0\n"
    status, _, err = phone.run("am broadcast -a android.intent.action.AIRPLANE_MODE")
    assert status == 255 and "java.lang.SecurityException" in err


def test_who_must_not_be_closed(phone: Phone) -> None:
    assert "\n    com.example.mdm/.AdminReceiver:\n" in phone.says("dumpsys device_policy")
    assert "  mCurMethodId=com.google.android.inputmethod.latin/" in phone.says("dumpsys input_method")
    assert phone.says("settings get secure enabled_accessibility_services") == (
        "com.example.talker/com.example.talker.TalkerService\n")
    assert "  0: [Legacy VPN]\n" in phone.says("dumpsys vpn_management")
    assert phone.says("cmd appops query-op ACTIVATE_VPN allow") == "No operations.\n"
    phone.state("vpn").write_text("com.example.tunnel\n")
    assert "  0: com.example.tunnel\n" in phone.says("dumpsys vpn_management")
    assert "extra: VPN:com.example.tunnel}" in phone.says("dumpsys connectivity")
    assert phone.says("appops query-op --user 0 ACTIVATE_VPN allow") == "com.example.tunnel\n"
    assert "mState=ACTIVE" in phone.says("dumpsys deviceidle")
    assert phone.says("cmd deviceidle get deep") == "ACTIVE\n"


def test_a_vendor_that_refuses(phone: Phone) -> None:
    phone.state("refuse").write_text("settings put\ncmd power\n")
    status, out, err = phone.run("settings put global low_power 0")
    assert (status, out) == (255, "") and "java.lang.SecurityException" in err
    assert phone.run("cmd power set-mode 0")[0] == 255
    assert phone.says("settings get global low_power") == "0\n"
    assert phone.state("commands.log").read_text() == ""


def test_cores(phone: Phone) -> None:
    speeds = phone.says("cat /sys/devices/system/cpu/cpu[0-7]/cpufreq/cpuinfo_max_freq").split()
    assert speeds == ["1803000"] * 4 + ["2802000"] * 4
    assert phone.says("cat /sys/devices/system/cpu/online; nproc; taskset f0 nproc") == "0-7\n8\n4\n"
    assert phone.says("cat /proc/cpuinfo").count("CPU implementer\t: 0x41\n") == 8
    assert phone.says("getconf PAGESIZE") == "4096\n"
    phone.state("page_size").write_text("16384\n")
    assert phone.says("getconf PAGE_SIZE") == "16384\n"


def test_tools_that_scripts_need(phone: Phone) -> None:
    wanted = ("awk cat chmod cut date dd df du env expr find grep head id kill md5sum mkdir mktemp mv nohup od pgrep "
              "ps readlink rm sed setsid sha256sum sleep sort stat tail taskset timeout tr uname wc xargs")
    assert phone.says(f"for t in {wanted}; do command -v $t >/dev/null || echo $t; done") == ""
    assert phone.says("printf abc | sha256sum").split()[0] == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert phone.says("df -k /data/local/tmp").splitlines()[1].endswith(" /data")


def test_one_command_in_namespaces_of_its_own(tmp_path: Path) -> None:
    """For devices that are faked around the same shell."""
    root.fill(tmp_path)
    ended = subprocess.run(root.inside(tmp_path, "getprop ro.hardware; echo $$; sleep 1000 & exit 7"),
                           capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (7, "ranchu\n2\n")
    assert subprocess.run(root.inside(tmp_path, "pgrep -c sleep"), capture_output=True, timeout=30).stdout == b"0\n"
