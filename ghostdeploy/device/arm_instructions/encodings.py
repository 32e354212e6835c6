"""What an arm64 instruction does, by its encoding: coarse classes that tell one kernel from another.

Reference: Arm Architecture Reference Manual for A-profile (DDI 0487), C4 "A64 instruction set encoding".
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Class = Literal["fma by lane", "fma", "dot product", "integer multiply", "float arithmetic", "permute", "other vector",
                "vector load", "vector store", "load", "store", "prefetch", "integer", "branch", "other"]
CLASSES: Final[tuple[Class, ...]] = get_args(Class)

# (mask, value) pairs; the first that fits counts. FP16 forms have encodings of their own.
VECTOR: Final[tuple[tuple[Class, tuple[tuple[int, int], ...]], ...]] = (
    ("fma by lane", ((0xBF80B400, 0x0F801000), (0xBFC0B400, 0x0F001000))),          # FMLA, FMLS (by element)
    ("fma", ((0xBF20FC00, 0x0E20CC00), (0xBF60FC00, 0x0E400C00),                    # FMLA, FMLS
             (0xFF000000, 0x1F000000))),                                            # scalar FMADD
    ("dot product", ((0x9FE0FC00, 0x0E809400), (0x9FC0F400, 0x0F80E000),            # SDOT, UDOT, and by element
                     (0xFFE0FC00, 0x4E80A400))),                                    # SMMLA
    ("integer multiply", ((0x9F20F400, 0x0E209400), (0x9F20DC00, 0x0E208000),       # MLA, MUL; SMLAL, SMLSL
                          (0x9F20FC00, 0x0E20C000), (0x9F20F400, 0x0E20B400),       # SMULL; SQDMULH, SQRDMULH
                          (0xBF00F400, 0x0F008000), (0xBF00B400, 0x2F000000),       # by element: MUL, MLA, MLS
                          (0x9F00B400, 0x0F002000), (0x9F00F400, 0x0F00A000),       # by element: SMLAL, SMLSL, SMULL
                          (0xBF00E400, 0x0F00C000))),                               # by element: SQDMULH, SQRDMULH
    ("float arithmetic", ((0x9F20C400, 0x0E20C400), (0x9F60C400, 0x0E400400),       # FADD, FMUL, FMAX ..; FP16
                          (0xBF80F400, 0x0F809000), (0xBFC0F400, 0x0F009000),       # FMUL (by element)
                          (0xFF200C00, 0x1E200800))),                               # scalar
    ("permute", ((0xBF208C00, 0x0E000800), (0xBFE08C00, 0x0E000000), (0xBFE08400, 0x2E000000),  # ZIP ..; TBL; EXT
                 (0x9FE08400, 0x0E000400))))                                        # DUP, INS, UMOV


def class_of(instruction: int) -> Class:
    """The class of one 32-bit encoding."""
    group = instruction >> 25 & 0xF
    if group & 0b0101 == 0b0100:
        return _memory(instruction)
    if group & 0b0111 == 0b0111:
        return next((name for name, forms in VECTOR if any(instruction & mask == value for mask, value in forms)),
                    "other vector")
    if group & 0b1110 == 0b1010:
        return "branch"
    if group & 0b1110 == 0b1000 or group & 0b0111 == 0b0101:
        return "integer"
    return "other"


def _memory(instruction: int) -> Class:
    vector = bool(instruction >> 26 & 1)
    if instruction & 0x3B000000 == 0x18000000:                                      # literal
        return "vector load" if vector else "load"
    if instruction & 0xFFC00000 in (0xF9800000, 0xF8800000):
        return "prefetch"
    register = instruction & 0x3A000000 == 0x38000000                               # one register: size, V, opc
    loads = bool(instruction >> 22 & 1) or (register and not vector and bool(instruction >> 23 & 1))
    if vector:
        return "vector load" if loads else "vector store"
    return "load" if loads else "store"
