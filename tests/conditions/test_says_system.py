"""getprop, cpuinfo, cpufreq, meminfo, df: what a phone is."""

from __future__ import annotations

import pytest

from ghostdeploy.device.phone import cores, cpuinfo, describe, kernel, memory, packages, properties, space
from ghostdeploy.device.phone.conditions import home_screen, screen
from ghostdeploy.device.phone.questions import Answers
from ghostdeploy.phone_errors import DeviceUnsuitable
from tests.conditions.sampled import sample


@pytest.mark.parametrize(("name", "soc", "api", "abi", "emulated"), [
    ("pixel8-api35", "Google Tensor G3", 35, "arm64-v8a", False),
    ("galaxy-s21-api33", "Samsung s5e9840", 33, "arm64-v8a", False),
    ("redmi-mediatek-api29", "MT6785", 29, "arm64-v8a", False),
    ("huawei-kirin-api26", "hi3660", 26, "arm64-v8a", False),
    ("emulator-x86_64-api34", "AOSP ranchu", 34, "x86_64", True),
])
def test_properties_of_many_vendors(name: str, soc: str, api: int, abi: str, emulated: bool) -> None:
    found = properties.read(sample(f"getprop-{name}"))
    assert (found.soc, found.api_level, found.abis[0], found.emulator is not None) == (soc, api, abi, emulated)
    assert found.manufacturer and found.model and found.release and found.build_type


def test_a_value_over_two_lines_hides_nothing_after_it() -> None:
    assert properties.read(sample("getprop-galaxy-s21-api33").replace("\n", "\r\n")).model == "SM-G991B"


@pytest.mark.parametrize("entry", ["[ro.kernel.qemu]: [1]", "[ro.boot.qemu]: [1]", "[ro.hardware]: [cutf_cvm]",
                                   "[ro.hardware]: [vbox86]", "[ro.build.characteristics]: [tablet,emulator]",
                                   "[ro.product.model]: [Android SDK built for x86]", "[ro.hardware]: [goldfish]",
                                   "[ro.product.manufacturer]: [Genymotion]"])
def test_each_sign_of_an_emulator(entry: str) -> None:
    assert properties.read(entry).emulator


def test_nothing_is_known_of_nothing() -> None:
    assert properties.read("") == properties.Properties(None, None, None, None, None, (), None, None)


def test_cores_of_a_chip_with_three_kinds() -> None:
    found = cores.read(sample("cores-snapdragon865"))
    assert found.usable == tuple(range(8)) and found.online == tuple(range(7))
    assert [found.fastest[core] for core in (0, 4, 7)] == [1804800, 2419200, 2841600]
    assert found.clock == {0: 1075200, 4: 710400} and 7 not in found.limit


def test_cores_that_tell_no_frequency_and_cores_that_are_not_for_us() -> None:
    assert cores.read(sample("cores-emulator")).fastest == {}
    assert cores.read(sample("cores-background-cpuset")).usable == (0, 1, 2, 3, 5)
    assert cores.read("").usable == ()


@pytest.mark.parametrize(("text", "listed"), [("0-3", (0, 1, 2, 3)), ("0", (0,)), ("0,4-5", (0, 4, 5)), ("", None),
                                              ("3-1", None), ("0-999999999", None), ("a", None), ("0-", None)])
def test_lists_of_cores(text: str, listed: tuple[int, ...] | None) -> None:
    assert cores.listing(text) == listed


def test_designs_and_features_of_cores() -> None:
    found = cpuinfo.read(sample("cpuinfo-snapdragon865"))
    assert (found.designs[0], found.designs[7]) == ("Kryo 4xx Silver", "Cortex-A77")
    assert found.features == ("asimd", "asimdhp", "asimddp") and found.hardware == "Qualcomm Technologies, Inc SM8250"
    assert not found.x86


def test_only_what_every_core_has_is_a_feature() -> None:
    found = cpuinfo.read(sample("cpuinfo-mixed-features-api34"))
    assert found.features == ("asimd", "asimdhp", "asimddp", "i8mm", "bf16")
    assert (found.designs[0], found.designs[10], found.designs[14]) == ("Cortex-A510", "Cortex-A715", "Cortex-X3")


def test_cpuinfo_of_a_pc() -> None:
    found = cpuinfo.read(sample("cpuinfo-emulator-x86_64"))
    assert found.x86 and found.features == ("sse4_1", "avx", "avx2", "fma") and found.designs == {}


@pytest.mark.parametrize(("name", "free"), [("toybox-api34", 57398804), ("toybox-long-name-api28", 111000000),
                                            ("toolbox-api22", int(8.7 * (1 << 20)))])
def test_free_space(name: str, free: int) -> None:
    assert space.free_kb(sample(f"df-{name}")) == free


@pytest.mark.parametrize(("text", "free"), [
    ("Filesystem 512-blocks Used Available Capacity Mounted on\n/dev/x 100 40 60 40% /data", 30),
    ("Filesystem Size Used Avail Use% Mounted on\n/dev/x 1.0G 0.5G 512M 50% /data", 512 << 10),
    ("Filesystem 1K-blocks Used Available\n", None), ("df: /data: Permission denied", None), ("", None),
    ("Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/x 1 1 -5 1% /", None)])
def test_other_tables_of_df(text: str, free: int | None) -> None:
    assert space.free_kb(text) == free


@pytest.mark.parametrize(("text", "size"), [("16384\n", 16384), ("4096", 4096), ("KernelPageSize:        4 kB\n", 4096),
                                            ("KernelPageSize:       16 kB\n", 16384), ("", None), ("12", None),
                                            ("getconf: PAGESIZE: unknown", None)])
def test_page_sizes(text: str, size: int | None) -> None:
    assert kernel.page_size(text) == size


@pytest.mark.parametrize(("text", "kb"), [("MemTotal:        7834412 kB\nMemFree: 1 kB", 7834412),
                                          ("MemTotal: x kB", None), ("MemTotal: 0 kB", None), ("", None)])
def test_memory(text: str, kb: int | None) -> None:
    assert memory.total_kb(text) == kb


@pytest.mark.parametrize("text", [
    "package:com.a.b\npackage:org.c_1.d2\n",
    "package:/data/app/~~x==/com.a.b-y==/base.apk=com.a.b\npackage:org.c_1.d2",
    "package:com.a.b uid:10001\r\npackage:org.c_1.d2 uid:10002\r\n",
    "package:com.a.b versionCode:3\npackage:org.c_1.d2",
    "WARNING: linker\npackage:com.a.b\npackage:not a name;rm\npackage:..\npackage:org.c_1.d2"])
def test_lists_of_packages(text: str) -> None:
    assert packages.listed(text) == ("com.a.b", "org.c_1.d2")


def test_components_in_a_long_text() -> None:
    assert packages.components(sample("device-policy-api34")) == ("com.corp.agent", "com.google.android.gms")
    assert packages.components("a.b/c.D:e.f/.G") == ("a.b", "e.f") and packages.components("/data/app/x.y/z") == ()


@pytest.mark.parametrize(("text", "value"), [
    ("  mWakefulness=Awake\n      showing=false\n", "on"), (sample("policy-api28"), "locked"),
    ("  mWakefulness=Awake\n", "on"), ("mWakefulness=Dozing\n showing=true", "off"), ("mWakefulness=Asleep", "off"),
    ("mWakefulness=Dreaming", "off"), ("mWakefulness=Awake\n    mShowingLockscreen=true", "locked"), ("", None),
    ("mWakefulness=Awake\n notshowing=true\n  showing=false", "on")])
def test_screens(text: str, value: str | None) -> None:
    assert screen.read(text) == value


@pytest.mark.parametrize(("line", "value"), [
    ("    mResumedActivity: ActivityRecord{83bd u0 com.a.game/.Main t12}", "com.a.game"),        # API 26 to 28
    ("  ResumedActivity: ActivityRecord{83bd u0 com.a.game/com.b.Main t12}", "com.a.game"),      # API 29 to 31
    ("  topResumedActivity=ActivityRecord{83bd u0 com.a.home/.Quickstep t1}", "home screen"),    # API 32 on
    ("  ResumedActivity: null", None), ("", None)])
def test_what_is_in_front(line: str, value: str | None) -> None:
    assert home_screen.read(f"{line}\nlauncher com.a.home/.uioverrides.Launcher\n") == value


ANSWERS = {"properties": sample("getprop-pixel8-api35"), "kernel": "5.15.148-android14\n", "machine": "aarch64\n",
           "page": "4096\n", "memory": "MemTotal: 7834412 kB\n", "cpuinfo": sample("cpuinfo-mixed-features-api34"),
           "cores": sample("cores-snapdragon865")}


def test_a_whole_description() -> None:
    info = describe.device_info("X1", Answers(ANSWERS, {}))
    assert (info.kind, info.serial, info.model) == ("android", "X1", "Pixel 8")
    assert (info.abi, info.os) == ("arm64-v8a", "Android 15")
    assert [core.max_khz for core in info.cores] == [1804800] * 4 + [2419200] * 3 + [2841600]
    assert not info.emulated and info.notes == ("CPU 7 is switched off now",)


@pytest.mark.parametrize(("name", "text"), [("machine", "x86_64\n"), ("cpuinfo", sample("cpuinfo-emulator-x86_64"))])
def test_an_arm_phone_on_a_pc_is_emulated_whatever_its_properties_say(name: str, text: str) -> None:
    info = describe.device_info("X1", Answers({**ANSWERS, name: text}, {}))
    assert info.emulated and "times mean nothing" in info.notes[0]


def test_32_bit_programs_are_at_home_on_a_64_bit_arm() -> None:
    assert kernel.computed("armeabi-v7a", "aarch64") is None and kernel.computed("arm64-v8a", "armv8l") is None


@pytest.mark.parametrize("missing", ["properties", "memory", "cores"])
def test_what_does_not_answer_like_android_is_no_phone(missing: str) -> None:
    with pytest.raises(DeviceUnsuitable) as caught:
        describe.device_info("X1", Answers({**ANSWERS, missing: "sh: not found"}, {}))
    assert "does not tell" in caught.value.why and caught.value.next
