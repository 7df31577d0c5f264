"""Noticing a call to a library that already solves the task.

The guard watches calls while the learner's function runs. It is there to say "write it yourself",
not to be a prison: code that wants to hide from it can.
"""

from __future__ import annotations

import functools
import sys
from types import CodeType, FrameType, TracebackType
from typing import Any

LIBRARIES = (
    "minicnn",
    "scipy",
    "torch",
    "tensorflow",
    "jax",
    "onnxruntime",
    "sklearn",
    "skimage",
    "cv2",
)
# Their own inner calls are not the learner's: Numba, for one, looks at SciPy while it compiles.
INNER = (*LIBRARIES, "numba", "llvmlite", "importlib", "_frozen_importlib")
MACHINERY = ("<module>", "__getattr__", "__dir__", "<lambda>")


def _root(module: Any) -> str:
    return str(module or "").partition(".")[0]


def origin(function: Any) -> str | None:
    """Name `function` if it belongs to a watched library, else None."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    module = getattr(function, "__module__", None)
    if _root(module) in LIBRARIES:
        return f"{module}.{getattr(function, '__name__', type(function).__name__)}"
    return None


class Guard:
    """Context manager: `found` names the first watched function that `caller` leads to.

    `caller` is the code object that calls the learner's function, so that the checker's own
    frames are told from a library's.
    """

    def __init__(self, caller: CodeType) -> None:
        self.caller = caller
        self.found: str | None = None
        self._before: Any = None

    def _called_from_outside(self, frame: FrameType | None) -> bool:
        if frame is None or frame.f_code is self.caller:
            return True
        return _root(frame.f_globals.get("__name__")) not in INNER

    def _watch(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.found is not None:
            return
        if event == "call":
            module, back = frame.f_globals.get("__name__"), frame.f_back
            name = frame.f_code.co_qualname.removesuffix(".__init__")
        elif event == "c_call":
            module, name, back = getattr(argument, "__module__", None), argument.__name__, frame
        else:
            return
        if module == __name__ or _root(module) not in LIBRARIES or name in MACHINERY:
            return
        if self._called_from_outside(back):
            self.found = f"{module}.{name}"

    def __enter__(self) -> Guard:
        self._before = sys.getprofile()
        sys.setprofile(self._watch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.setprofile(self._before)
