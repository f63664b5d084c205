"""What the coder can compute with."""

from typing import Literal

from . import _rans


def instruction_sets(kernel: Literal["matrix_f32", "matrix_i8", "lanes"] = "matrix_f32") -> tuple[str, ...]:
    """The sets of instructions that a kernel can use on this processor, the fastest first; the last is "portable".

    Functions that take one as `isa` use the fastest unless they are told. Results are the same with all of them, so
    that only tests and measurements need to choose.

    Args:
        kernel: "matrix_f32", the products of `ContextModel`; "matrix_i8", those of `IntegerContextModel`; or "lanes",
            the loops of `encode_lanes` and `decode_lanes`.

    Returns:
        Some of "avx512vnni", "avx512", "avx2" and "portable", the last of which is plain C++.

    Raises:
        ValueError: there is no such kernel.
    """
    return tuple(_rans.instruction_sets(kernel))
