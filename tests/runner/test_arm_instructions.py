"""The counter of arm64 instructions against programs whose count is known, and against what a convolution must do."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ghostdeploy.device.android import elf, qemu
from ghostdeploy.device.android.zig import zig
from ghostdeploy.device.arm_instructions import attribute, blocks, count
from ghostdeploy.device.arm_instructions.encodings import class_of
from ghostdeploy.device.arm_instructions.operators import nodes
from ghostdeploy.device.arm_instructions.plugin import plugin
from ghostdeploy.errors import FileMissing, UsageError
from ghostdeploy.lowering.artifact import Format
from ghostdeploy.phone_errors import EmulatorMissing
from tests.small_artifacts import small

FORMATS: tuple[Format, ...] = ("pte", "tflite")
LOOPS, EXIT = 1000, 93
NOISE = 200         # instructions; the small network has half a million

# One instruction a line, with what it is to be called.
ASSEMBLY = {
    "fma by lane": ["fmla v0.4s, v1.4s, v2.s[3]", "fmla v0.8h, v1.8h, v2.h[7]", "fmls v16.4s, v1.4s, v2.s[0]"],
    "fma": ["fmla v0.4s, v1.4s, v2.4s", "fmla v31.8h, v1.8h, v2.8h", "fmls v0.4s, v1.4s, v2.4s",
            "fmadd s0, s1, s2, s3"],
    "dot product": ["sdot v0.4s, v1.16b, v2.16b", "sdot v0.4s, v1.16b, v2.4b[3]", "udot v0.4s, v1.16b, v2.4b[1]"],
    "integer multiply": ["mul v0.8h, v1.8h, v2.8h", "mla v0.4s, v1.4s, v2.4s", "smlal v0.4s, v1.4h, v2.4h",
                         "smlal2 v0.4s, v1.8h, v2.h[3]", "smull v0.8h, v1.8b, v2.8b", "sqrdmulh v0.4s, v1.4s, v2.4s",
                         "mul v0.8h, v1.8h, v2.h[1]", "mla v0.4s, v1.4s, v2.s[1]", "sqdmulh v0.4s, v1.4s, v2.s[1]"],
    "float arithmetic": ["fadd v0.4s, v1.4s, v2.4s", "fmul v0.4s, v1.4s, v2.4s", "fmax v0.4s, v1.4s, v2.4s",
                         "fmin v0.8h, v1.8h, v2.8h", "fmul v0.8h, v1.8h, v2.8h", "fmul v0.4s, v1.4s, v2.s[1]",
                         "fdiv v0.4s, v1.4s, v2.4s", "fadd s0, s1, s2", "fmul h0, h1, h2",
                         "fminnm v0.4s, v1.4s, v2.4s"],
    "permute": ["zip1 v0.4s, v1.4s, v2.4s", "trn2 v0.2d, v1.2d, v2.2d", "uzp1 v0.16b, v1.16b, v2.16b",
                "tbl v0.16b, {v1.16b}, v2.16b", "ext v0.16b, v1.16b, v2.16b, #8", "dup v0.4s, v1.s[1]",
                "dup v0.4s, w1", "mov v0.s[1], v1.s[0]", "umov w0, v1.s[1]"],
    "vector load": ["ldr q0, [x1], #16", "ldp q0, q1, [x2, #32]", "ld1 {v0.4s, v1.4s}, [x1], #32", "ldr s0, [x1, #4]",
                    "ld1r {v0.4s}, [x1]", "ldr d0, [x1, x2]", "ldur q0, [x1, #-8]"],
    "vector store": ["str q0, [x1], #16", "stp q0, q1, [x2, #32]", "st1 {v0.4s}, [x1], #16", "str s0, [x1, #4]",
                     "st1 {v0.s}[1], [x1]", "stur d0, [x1, #-8]"],
    "load": ["ldr x0, [x1]", "ldp x0, x1, [sp], #16", "ldrb w0, [x1, #1]", "ldrsw x0, [x1]", "ldr w0, [x1, x2, lsl #2]",
             "ldursw x0, [x1, #-4]", "ldaxr x0, [x1]", "ldpsw x0, x1, [x2]"],
    "store": ["str x0, [x1]", "stp x0, x1, [sp, #-16]!", "strb w0, [x1]", "stur w0, [x1, #-4]", "stlxr w0, x1, [x2]"],
    "prefetch": ["prfm pldl1keep, [x1, #64]", "prfm pldl1keep, [x1]"],
    "integer": ["add x0, x1, x2", "subs x0, x1, #16", "mov x0, #1", "madd x0, x1, x2, x3", "csel x0, x1, x2, lo",
                "lsl x0, x1, #2", "tst x0, #4", "adrp x0, _start"],
    "branch": ["b _start", "b.lo _start", "cbz x0, _start", "tbnz w0, #2, _start", "bl _start", "ret", "blr x1", "nop"],
    "other vector": ["shl v0.4s, v1.4s, #2", "scvtf v0.4s, v1.4s", "fcvtns v0.4s, v1.4s", "fcvtn v0.4h, v1.4s",
                     "frintn v0.4s, v1.4s", "add v0.4s, v1.4s, v2.4s", "movi v0.4s, #0", "and v0.16b, v1.16b, v2.16b",
                     "smax v0.16b, v1.16b, v2.16b", "sqxtn v0.4h, v1.4s"]}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """arm64 programs without a C library, by name."""
    sources = {
        "loop": f"_start: mov x1, #{LOOPS}\n1: subs x1, x1, #1\n add x2, x2, #1\n b.ne 1b\n"
                f" mov x0, #0\n mov x8, #{EXIT}\n svc #0\n",
        "classes": "_start:\n" + "".join(f" {line}\n" for lines in ASSEMBLY.values() for line in lines)}
    folder, made = tmp_path_factory.mktemp("arm"), {}
    for name, text in sources.items():
        (folder / f"{name}.S").write_text(f".arch armv8.2-a+fp16+dotprod\n.text\n.globl _start\n{text}")
        made[name] = folder / name
        zig("arm64-v8a").run("clang", "--target=aarch64-linux-gnu", "-c", str(folder / f"{name}.S"), "-o",
                             str(folder / f"{name}.o"))
        zig("arm64-v8a").run("ld.lld", "-static", "-o", str(made[name]), str(folder / f"{name}.o"))
    return made


def run_counted(program: Path, scratch: Path, *options: str) -> blocks.Blocks:
    words = ",".join([f"{plugin()},into={scratch / 'blocks'}", *options])
    subprocess.run([qemu.qemu(), "-cpu", qemu.CPU_MODEL, "-plugin", words, program], check=True, timeout=60)
    return blocks.read(scratch / "blocks")


def test_every_instruction_of_a_known_program_is_counted_once(built: dict[str, Path], tmp_path: Path) -> None:
    counted = run_counted(built["loop"], tmp_path)
    assert blocks.total(counted.blocks) == 1 + 3 * LOOPS + 3
    places = counted.by_place(counted.blocks)
    assert Counter(places.values()) == {1: 4, LOOPS: 3}
    assert {path for path, _ in places} == {built["loop"]}


def test_parts_end_before_each_mark(built: dict[str, Path], tmp_path: Path) -> None:
    # SUBS X1,X1,1; ADD X2,X2,1; B.NE -8: the loop's body. The first time round it belongs to the block of _start.
    mark = bytes.fromhex("210400f1" "42040091" "c1ffff54")
    counted = run_counted(built["loop"], tmp_path, "mark=ffffffff", f"mark={mark.hex()}")
    assert [blocks.total(part.blocks) for part in counted.parts] == [4] + [3] * (LOOPS - 2)
    assert {part.mark for part in counted.parts} == {1}


def test_classes_of_instructions(built: dict[str, Path]) -> None:
    library = elf.parse(built["classes"].read_bytes())
    entry = int.from_bytes(library.data[24:32], "little")
    expected = [(line, name) for name, lines in ASSEMBLY.items() for line in lines]
    code = library.at(entry, 4 * len(expected))
    words = [int.from_bytes(code[i:i + 4], "little") for i in range(0, len(code), 4)]
    found = [(line, class_of(word)) for (line, _), word in zip(expected, words, strict=True)]
    assert found == expected


@pytest.mark.parametrize("format", FORMATS)
def test_counts_repeat_and_functions_and_nodes_add_up(format: Format) -> None:
    path = small(format).path
    first, again = count(path, format), count(path, format)
    assert abs(again.per_inference - first.per_inference) < NOISE
    assert first.runtime.sha256 is not None and first.cpu == "cortex-a76" and first.emulator.startswith("qemu ")
    found = attribute(path, format)
    placed = sum(place.instructions for place in found.places)
    assert placed == found.instructions.per_inference == sum(found.by_kind.values()) == sum(found.by_class.values())
    assert abs(placed - first.per_inference) < NOISE
    each = nodes(path, format)
    assert len(each) > 3
    assert 0 <= first.per_inference - sum(node.instructions for node in each) < 20 * NOISE      # what follows the last


def test_a_convolution_needs_its_multiplications(tmp_path: Path) -> None:
    import torch

    from ghostdeploy.lowering.tflite import lower_tflite
    from ghostdeploy.trace import trace

    convolution, example = torch.nn.Conv2d(32, 64, 1).eval(), torch.zeros(1, 32, 28, 28)
    path = tmp_path / "convolution.tflite"
    path.write_bytes(lower_tflite(trace(convolution, example), example).data)
    multiplications = 28 * 28 * 32 * 64 / 4
    found = attribute(path, "tflite")
    assert multiplications <= found.by_class["fma by lane"] < 1.03 * multiplications    # 784 rows, in tiles of 6
    assert next(iter(found.by_kind)) == "matrix product"


def test_without_qemu_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    path = small("tflite").path
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EmulatorMissing) as caught:
        count(path, "tflite")
    assert "apt-get install" in caught.value.next and caught.value.exit_code == 4


def test_wrong_wishes(tmp_path: Path) -> None:
    path = small("tflite").path
    with pytest.raises(UsageError, match="qemu knows no CPU"):
        count(path, "tflite", cpu="cortex-z1")
    with pytest.raises(FileMissing):
        count(tmp_path / "none.tflite", "tflite")


def test_command_line() -> None:
    words = [sys.executable, "-m", "ghostdeploy.device.arm_instructions", "--attribute", str(small("tflite").path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "a proxy: instructions, not time" in ended.stdout
    assert " ms" not in ended.stdout and "latency" not in ended.stdout
