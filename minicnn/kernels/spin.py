"""Wait awake: look at a number in memory until another thread changes it."""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import extending, njit, types
from numba.core import cgutils
from numba.core.registry import cpu_target

ROUNDS, LOOKS = 400, 32
"""How often to look before giving up: some 400 microseconds."""
intrinsic: Any = extending.intrinsic


@intrinsic
def _look(typingctx, flag):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Read flag[0] from memory; an ordinary read would be done once, before the loop."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        address = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(address, "acquire", 8)

    return types.int64(flag), codegen


def _calling(name: str, result: ir.Type, here: bool) -> Any:
    """Make a function for Numba code that calls one of the system's; where there is none, not."""

    @intrinsic
    def function(typingctx):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
            if here:
                declared = ir.FunctionType(result, [])
                builder.call(cgutils.get_or_insert_function(builder.module, declared, name), [])
            return context.get_dummy_value()

        return types.void(), codegen

    return function


_x86 = cpu_target.target_context.codegen().magic_tuple()[0].startswith(("x86_64", "i686"))
_pause = _calling("llvm.x86.sse2.pause", ir.VoidType(), _x86)  # for the core's other thread
_give_way = _calling("sched_yield", ir.IntType(32), sys.platform != "win32")  # for other programs


@intrinsic
def _core(typingctx):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Number of the core that runs this, where the system tells; -1 where not."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]  # noqa: ARG001
        if not sys.platform.startswith("linux"):
            return ir.Constant(ir.IntType(32), -1)
        declared = ir.FunctionType(ir.IntType(32), [])
        get = cgutils.get_or_insert_function(builder.module, declared, "sched_getcpu")
        return builder.call(get, [])

    return types.int32(), codegen


@njit(cache=True)
def core_number():  # type: ignore[no-untyped-def]
    """Return the number of the core that we are on."""
    return _core()


@njit(cache=True, nogil=True)
def seen(flag):  # type: ignore[no-untyped-def]
    """Look at flag[0] until it is not zero; give up (False) after a while.

    Whoever else wants the core gets it now and then: it may be the thread that is waited for.
    """
    for _ in range(ROUNDS):
        for _ in range(LOOKS):
            if _look(flag) != 0:
                return True
            _pause()
        _give_way()
    return False
