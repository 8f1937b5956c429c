"""Vectors of the processor as values that numba knows: loaded, multiplied and added, stored; and plain addresses.

numba leaves it to the compiler whether a loop uses vectors and whether a sum stays in a register. The kernel of the
correlation lives on both, so it says so itself.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

LANES = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 8
"""Numbers in a vector. Where the processor has narrower ones, the compiler takes several for one."""
VECTOR = ir.VectorType(ir.FloatType(), LANES)
FLOAT_BYTES = 4
READ, SECOND_CACHE, DATA = 0, 2, 1
"""Of LLVM's prefetch: for what, how near, and which cache."""


class VectorType(types.Type):
    """numba's name for ``LANES`` float32."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


vector = VectorType()


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """How it lies in memory."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), VECTOR.as_pointer())


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """``array[index : index + LANES]`` of a one-dimensional, contiguous float32 array; bounds are not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        loaded = builder.load(_pointer(context, builder, signature.args[0], *values), typ=VECTOR)
        loaded.align = FLOAT_BYTES
        return loaded

    return vector(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Put ``value`` where :func:`load` would find it."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        stored = builder.store(values[2], _pointer(context, builder, signature.args[0], *values[:2]))
        stored.align = FLOAT_BYTES
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of ``array[index]``, which is read soon but not at once: into the second cache."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number, address = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        asked = builder.bitcast(_pointer(context, builder, signature.args[0], *values), address)
        builder.call(function, [asked, number(READ), number(SECOND_CACHE), number(DATA)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic
def zeros(typing: Any) -> Any:
    """A vector of zeros."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return ir.Constant(VECTOR, None)

    return vector(), generate


@intrinsic
def add_product(typing: Any, total: Any, one: Any, other: Any) -> Any:
    """``total + one * other``, lane by lane, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
        return builder.call(function, [values[1], values[2], values[0]])

    return vector(vector, vector, vector), generate


@intrinsic
def floats_at(typing: Any, address: Any) -> Any:
    """The float32 in memory from an address on, for ``numba.carray``."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], ir.FloatType().as_pointer())

    return types.CPointer(types.float32)(address), generate


@intrinsic
def number_from(typing: Any, address: Any) -> Any:
    """What the C function ``int f(void)`` at an address says."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        function = builder.inttoptr(values[0], ir.FunctionType(ir.IntType(32), []).as_pointer())
        return builder.call(function, [])

    return types.int32(address), generate
